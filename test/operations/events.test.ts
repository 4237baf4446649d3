import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openWakeups } from "../../src/absorbing/absorb.ts";
import { UNOBSERVED } from "../../src/absorbing/observer.ts";
import { Liveness } from "../../src/base/liveness.ts";
import { LogLimiter } from "../../src/base/log-limiter.ts";
import { openHolds } from "../../src/delivery/holds.ts";
import { openSilences } from "../../src/delivery/silences.ts";
import { ask } from "../../src/doors/socket/client.ts";
import { openControl } from "../../src/doors/socket/server.ts";
import { openAnswers } from "../../src/operations/answers.ts";
import type { Daemon } from "../../src/operations/daemon.ts";
import { Explained } from "../../src/operations/documents.ts";
import { Totals } from "../../src/operations/totals.ts";
import { openSqliteStore } from "../../src/store/sqlite/store.ts";
import { undecided } from "../store/contract-undecided.ts";
import { effects, eventMemory, NOW, partMemory, UUID } from "../store/samples.ts";
import { captureLog } from "../support/captured-log.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** A service without feeds and destinations, of which only its state can be asked. */
async function daemonWith(store: Daemon["store"]): Promise<Daemon> {
  const { log } = captureLog();
  const clock = new VirtualClock();
  return {
    version: "0",
    pid: 1,
    startedAt: NOW,
    config: { file: "config.yaml", digest: "", since: NOW },
    stateFile: "state.db",
    instances: ["cert"],
    destinations: new Map(),
    routes: [],
    sources: [],
    workers: [],
    budgets: new Map(),
    wakeups: openWakeups(),
    observer: UNOBSERVED,
    store,
    maxStateBytes: 2 ** 30,
    liveness: new Liveness(clock.now),
    holds: await openHolds(store.ledger),
    silences: await openSilences(store.ledger, NOW, log),
    totals: new Totals(),
    unreadable: new LogLimiter(log, "", clock.now),
    clock,
    log,
    reload: async () => ({ digest: "", warnings: [], restart: [] }),
  };
}

test.each([["7"], [UUID]])("explain %s names who waits until MISP has been asked", async (event) => {
  const folder = mkdtempSync(join(tmpdir(), "misp-herald-explain-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  await using store = await openSqliteStore({ path: join(folder, "state.db") });
  const waiting = [
    undecided("a", { destinations: ["soc"], eventKey: UUID }),
    undecided("b", { eventKey: UUID }),
    undecided("c", { eventKey: "8" }),
  ];
  const aliases = [{ instance: "cert", id: "7", key: UUID }];
  const events = [eventMemory({ unpublished: true }), eventMemory({ key: "8", event: { id: "8" } })];
  await store.commit(effects({ events, aliases, parts: [partMemory("70")], undecided: waiting }), NOW);
  const daemon = await daemonWith(store);
  const path = join(folder, "control.sock");
  await using control = await openControl({ path, log: daemon.log, answer: openAnswers(() => daemon) });
  const line = { path: control.path, signal: new AbortController().signal };
  const explained = await ask(line, { command: "explain", event }, Explained);
  expect(explained.events).toMatchObject([
    { id: "7", uuid: UUID, undecided: ["soc", "mail"], deleted: false, unpublished: true },
  ]);
});
