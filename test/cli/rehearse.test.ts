import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { main } from "../../src/cli/program.ts";
import { openScreen } from "../support/screen.ts";

const SAMPLE = resolve(import.meta.dirname, "../../docs/sample.jsonl");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "misp-herald-rehearse-"));
  writeFileSync(
    join(folder, "config.yaml"),
    `misp:
  cert: { feed: { type: zeromq, endpoints: ["tcp://127.0.0.1:50000"] } }
destinations:
  soc: { type: console, guard: { max_tlp: amber } }
routes:
  - { name: all, kinds: ["event.published"], notify: soc }
`,
  );
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(...args: readonly string[]) {
  const screen = openScreen();
  const code = await main([...args, "-c", join(folder, "config.yaml")], screen.context);
  return { code, output: screen.out(), errors: screen.errors() };
}

describe("render of the recording in the package", () => {
  it("tells that what waits together leaves merged", async () => {
    const { code, output, errors } = await run("render", SAMPLE, "--to", "soc");
    expect(code).toBe(0);
    expect(output).toContain("New (2 publications)");
    expect(errors).toContain("payload 1 of 2: 1 alert, 2 messages merged");
  });

  it("shows an update as its readers get it when they were told before", async () => {
    const { output, errors } = await run("render", SAMPLE, "--to", "soc", "--as", "updates");
    expect(output).toContain("1 changed, 1 withdrawn since");
    expect(errors).toContain("payload 3 of 3: 1 alert (1 update)");
  });

  it("shows a digest", async () => {
    const { output, errors } = await run("render", SAMPLE, "--to", "soc", "--as", "digest");
    expect(output).toContain("[TLP:AMBER] 2 alerts · 1 high · 1 medium");
    expect(errors).toContain("payload 1 of 1: 2 alerts, 3 messages merged");
  });
});

describe("replay --alerts", () => {
  it("shows what leaves, and when, by the recorded times", async () => {
    const { code, output, errors } = await run("replay", SAMPLE, "--alerts");
    expect(code).toBe(0);
    expect(output.match(/^→ soc, .*$/gm)).toEqual([
      "→ soc, 2026-11-20 17:50 UTC: 1 alert",
      "→ soc, 2026-11-20 17:51 UTC: 1 alert",
      "→ soc, 2026-11-20 17:55 UTC: 1 alert (1 update)",
    ]);
    expect(errors).toContain("3 payloads would leave.");
  });

  it("says that nothing leaves", async () => {
    writeFileSync(join(folder, "empty.jsonl"), "");
    expect((await run("replay", join(folder, "empty.jsonl"), "--alerts")).errors).toContain("Nothing leaves.");
  });
});
