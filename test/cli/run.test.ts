import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/program.ts";
import { workspace } from "../e2e/daemon.ts";
import { openScreen } from "../support/screen.ts";

test("what keeps the service from starting has the priority of an error in the journal, with place and fix", async () => {
  using folder = workspace();
  const config = folder.write(
    "config.yaml",
    `misp: { cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } } }
destinations: { soc: { type: console, guard: { max_tlp: amber } } }
routes: [{ name: all, notifi: soc }]
`,
  );
  const journal = openSync(folder.path("journal"), "w");
  onTestFinished(() => closeSync(journal));
  const { dev, ino } = fstatSync(journal, { bigint: true });
  const { context } = openScreen({ env: { JOURNAL_STREAM: `${dev}:${ino}` } });
  const stderr = Object.assign(context.stderr, { fd: journal });
  expect(await main(["run", "-c", config], { ...context, stderr })).toBe(1);
  const lines = readFileSync(folder.path("journal"), "utf8").trim().split("\n");
  const errors = lines.filter((line) => line.startsWith("<3>")).map((line) => JSON.parse(line.slice(3)));
  expect(errors).toContainEqual({
    level: "error",
    where: `${config}:3:23`,
    reason: 'unknown key "notifi", did you mean "notify"?',
    msg: "The configuration is wrong",
  });
  expect(lines.at(-1)).toMatch(/^<2>\{"level":"fatal","reason":".*config\.yaml:3:\d+: .*"msg":"The service has ended/);
});
