import { randomUUID } from "node:crypto";
import { formatCount } from "../alert/text.ts";
import { systemClock } from "../base/clock.ts";
import { loadConfig } from "../config/load.ts";
import type { Message } from "../model/message.ts";
import type { Outcome } from "../model/payload.ts";
import { RouteOptions } from "../routing/schema.ts";
import { openParts } from "../service/parts.ts";
import { openScratchStore } from "../store/index.ts";
import { type Context, openContextLog, print } from "./context.ts";
import { only, rehearse } from "./rehearse.ts";

/** `misp-herald send-test`: one synthetic alert through guard, format and send. Returns the exit code. */
export async function sendTestCommand(
  options: { readonly destination: string; readonly config: string; readonly json: boolean },
  context: Context,
): Promise<0 | 1> {
  const { config } = await loadConfig(options.config, {
    env: context.env,
    redactor: context.redactor,
    secrets: "required",
  });
  const { destination: name } = options;
  const route = RouteOptions.parse({ name: "send-test", notify: name, group: { show: 20 } });
  await using store = openScratchStore();
  await using parts = openParts(
    { ...only(config, [name]), routes: [route] },
    { log: openContextLog("warn", context), clock: systemClock, stdout: context.stdout },
    { store, sources: [] },
  );
  const message = testMessage(Object.keys(config.misp)[0] ?? "", systemClock.now());
  const { left, traces } = await rehearse([message], parts);
  const payload = left[0]?.payload;
  const [worker] = parts.workers;
  if (!payload || !worker) {
    const verdict = traces[0]?.destinations[0]?.verdict ?? "no route";
    report(
      { outcome: "refused", reason: verdict },
      `The guard of ${name} refuses even a tlp:clear event for all communities: ${verdict}.`,
    );
    return 1;
  }
  const startedAt = systemClock.now();
  const outcome = await worker.destination.send(payload, context.signal);
  const tookMs = systemClock.now() - startedAt;
  report(
    { ...("reason" in outcome && outcome), outcome: wordOf(outcome), took_ms: tookMs },
    describe(name, outcome, tookMs),
  );
  return outcome.kind === "done" || outcome.kind === "unproven" ? 0 : 1;

  function report(json: object, text: string): void {
    print(context.stdout, options.json ? JSON.stringify({ destination: name, ...json }) : text);
  }
}

/** As the log and the history call it. */
function wordOf({ kind }: Outcome): string {
  return kind === "done" ? "sent" : kind;
}

function describe(name: string, outcome: Outcome, tookMs: number): string {
  const after = `after ${formatCount(tookMs, "ms", "ms")}`;
  switch (outcome.kind) {
    case "done":
      return `${name}: sent, and confirmed by the other side ${after}.`;
    case "unproven":
      return `${name}: unproven, accepted ${after}; the other side does not tell whether it was shown. Look for "TEST" there.`;
    default: {
      const detail = outcome.detail === undefined ? "" : ` (${outcome.detail})`;
      return `${name}: not sent, ${outcome.reason}${detail}, ${after}.${outcome.hint === undefined ? "" : `\n${outcome.hint}`}`;
    }
  }
}

/** A publication that cannot be mistaken for a real one, and whose indicators are reserved for examples (RFC 2606, 5737). */
function testMessage(instance: string, now: number): Message {
  const uuid = randomUUID();
  const organisation = { name: "misp-herald" };
  const attribute = (type: string, value: string, comment: string) => ({
    uuid: randomUUID(),
    type,
    category: "Network activity",
    value,
    toIds: true,
    comment,
    tags: [],
    changedAt: now,
    distribution: "inherit" as const,
  });
  return {
    kind: "event.published",
    instance,
    topic: "misp_json",
    receivedAt: now,
    subject: { type: "event", uuid },
    version: String(now),
    event: {
      uuid,
      info: "TEST of misp-herald: nothing has happened, no action is needed",
      date: new Date(now).toISOString().slice(0, 10),
      changedAt: now,
      threatLevel: "low",
      analysis: "completed",
      distribution: "all",
      org: organisation,
      owner: organisation,
      origin: "local",
      tags: [{ name: "tlp:clear" }, { name: "PAP:CLEAR" }],
      clusters: [],
    },
    attributes: [
      attribute("domain", "malware.example.org", "an example"),
      attribute("url", "https://malware.example.org/login?id=1", "an example"),
      attribute("ip-dst", "192.0.2.1", "an example"),
    ],
    objects: [],
    lines: [],
  };
}
