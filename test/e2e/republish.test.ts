import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { CHANNEL, openSlackServer, TOKEN } from "../support/slack-server.ts";
import { sample } from "../topics/frames.ts";
import { configOf, openSink, start, workspace } from "./daemon.ts";

type Json = Readonly<Record<string, unknown>>;

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Json & { readonly timestamp: string; readonly Attribute: readonly Json[] };
};
/** Another event, whose alert shows that what was sent before it has been read. */
const OTHER = { ...PUBLISHED, id: "99", uuid: "00000000-0000-4000-8000-000000000099" };

const later = (seconds: number) => String(Number(PUBLISHED.timestamp) + seconds);

test("republished unchanged is silent; republished with one more attribute is one update that says so, in a webhook and in Slack", async () => {
  await using publisher = await openPublisher();
  await using slack = await openSlackServer();
  await using sink = await openSink();
  using folder = workspace();
  const text = configOf(publisher.endpoint, sink.url, folder.path("state.db"))
    .replace(
      "destinations:\n",
      `destinations:
  soc:
    type: slack
    token: "\${TOKEN}"
    channel: ${CHANNEL}
    api_url: ${slack.apiUrl}
    rate: { per_second: 100, burst: 10 }
    guard: { max_tlp: red }
`,
    )
    .replace("notify: hook", "notify: [soc, hook]");
  await using daemon = start(["run", "-c", folder.write("config.yaml", text)], { TOKEN });
  await publisher.subscribed();
  const publish = (event: Json) => publisher.send("misp_json", { Event: event });
  const arrived = async (n: number) => {
    await eventually(() => sink.received.length >= n && slack.posted.length >= n);
    expect([sink.received.length, slack.posted.length]).toEqual([n, n]);
  };

  await publish(PUBLISHED);
  await arrived(1);
  await publish(PUBLISHED);
  await publish({ ...PUBLISHED, publish_timestamp: later(600) });
  await publish(OTHER);
  await arrived(2);

  const [pattern] = PUBLISHED.Attribute;
  const added = {
    ...pattern,
    id: "4711",
    uuid: "00000000-0000-4000-8000-000000004711",
    type: "domain",
    value: "added.example",
    timestamp: later(60),
  };
  const updated = {
    ...PUBLISHED,
    timestamp: later(60),
    publish_timestamp: later(660),
    Attribute: [...PUBLISHED.Attribute, added],
  };
  await publish(updated);
  await publish(updated);
  await arrived(3);
  await publish({ ...OTHER, timestamp: later(90) });
  await arrived(4);

  const entries = sink.received.map(({ body }) => body.entries.map((entry) => entry as Json));
  expect(entries.map(([entry]) => entry?.change)).toEqual(["new", "new", "updated", "updated"]);
  expect(entries[2]).toMatchObject([
    {
      event: { uuid: PUBLISHED.uuid },
      change: "updated",
      changed: { attributes: 1, objects: 0, exact: true, title: false, tags_added: [], tags_removed: 0 },
    },
  ]);
  const shown = slack.posted.map(({ message }) => JSON.stringify(message));
  expect(shown[2]).toMatch(/1 new since [\d-]+ [\d:]+ UTC; 2 told before unchanged/);
  expect(shown[2]).not.toMatch(/Title changed|tags added|removed/);
  expect(shown[2]).toMatch(/· Updated/);
  expect(shown[3]).toMatch(/No attribute is new, changed or withdrawn since [\d-]+ [\d:]+ UTC/);
  for (const first of shown.slice(0, 2)) {
    expect(first).not.toMatch(/told before|No attribute is new|· Updated/);
  }
  expect(await daemon.stop("SIGTERM")).toBe(0);
});
