import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import type { Answer } from "../support/http-server.ts";
import { API_KEY, FAILURES, openMispServer } from "../support/misp-server.ts";
import { openPublisher } from "../support/publisher.ts";
import { openSink, start, workspace } from "./daemon.ts";

const json = (body: string): Answer => ({ status: 200, headers: { "content-type": "application/json" }, body });

/** What an address that is not a healthy MISP does, and what the log says of it. */
const TROUBLES: readonly (readonly [what: string, answer: Answer, reason: string, hint: RegExp])[] = [
  ["302 to a login page", FAILURES.login, "login-page", /MISP sent us to its login page: the key is not accepted/],
  ["302 elsewhere", FAILURES.moved, "redirect", /set `url` to its own address/],
  ["403 by MISP", FAILURES.badKey, "key-not-accepted", /check `api_key`/],
  ["403 by a proxy", FAILURES.blocked, "http-403", /a proxy or firewall before MISP refuses us/],
  ["404", FAILURES.noMisp, "http-404", /there is no MISP at this address/],
  [
    "429 with Retry-After",
    { status: 429, headers: { "retry-after": "2" } },
    "rate-limited",
    /raise its rate limit, or lower `recall.per_minute`/,
  ],
  ["500", FAILURES.crashed, "http-500", /MISP failed: its logs/],
  ["a page with 200", FAILURES.html, "html-answer", /a page came in place of data/],
  ["a closed connection", (_, socket) => void socket.destroy(), "connection-lost", /closed the connection/],
  [
    "JSON of another shape",
    json('{"response":{"MARKER":[]}}'),
    "unreadable",
    /data came in a shape that MISP does not/,
  ],
  [
    "a body that never ends",
    (response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const more = () => void (response.destroyed || response.write("x".repeat(65_536), more));
      more();
    },
    "too-large",
    /MISP answered with more than we read/,
  ],
];

test("each way in which an address does not answer like MISP is told in words, without its text, and found publications are not lost", async () => {
  await using publisher = await openPublisher();
  await using sink = await openSink();
  await using misp = await openMispServer();
  using folder = workspace();
  const text = `misp:
  cert:
    url: ${misp.url}
    api_key: "\${MISP_KEY}"
    feed: { type: zeromq, endpoints: ["${publisher.endpoint}"] }
    reconcile: { every: 10s }
state: { path: ${folder.path("state.db")} }
control: ${folder.path("control.sock")}
destinations:
  hook: { type: webhook, url: "${sink.url}", guard: { max_tlp: amber } }
routes:
  - { name: all, notify: hook }
`;
  const config = folder.write("config.yaml", text);
  for (const [what, answer, reason, hint] of TROUBLES) {
    misp.next(answer, answer); // who the key belongs to, and what was published
    const asked = misp.requests.length;
    // That a key is refused is remembered, and then one question a minute is asked: the second would not come at once.
    const own = folder.write("own.yaml", text.replace("state.db", `${reason}.db`));
    const isRefused = reason === "key-not-accepted" || reason === "http-403";
    await using daemon = start(["run", "-c", isRefused ? own : config], { MISP_KEY: API_KEY });
    // A refused key is no verdict on what was published, and is told as what it is.
    const trouble = /MISP does not say what it published|MISP refuses the API key; what it would decide waits/;
    await daemon.logged(trouble);
    const line = daemon
      .stderr()
      .split("\n")
      .find((one) => trouble.test(one));
    const said = JSON.parse(line ?? "{}");
    expect(said, what).toMatchObject({ instance: "cert", reason, hint: expect.stringMatching(hint) });
    expect(["warn", "error"], what).toContain(said.level);
    await eventually(() => misp.requests.length >= asked + 2);
    expect(await daemon.stop("SIGTERM"), what).toBe(0);
    for (const secret of ["MARKER", API_KEY]) {
      expect(daemon.stderr(), what).not.toContain(secret);
    }
  }
  // No failure has set the cursor: this is still the first answer, and it tells nothing of the past.
  await using daemon = start(["run", "-c", config], { MISP_KEY: API_KEY });
  await eventually(() => misp.searches.length === 1);
  expect(await daemon.stop("SIGTERM")).toBe(0);
  expect(daemon.stderr()).not.toMatch(/MISP does not say/);
});
