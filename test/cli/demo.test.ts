import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { demoCommand } from "../../src/cli/demo.ts";
import { RED_VALUE } from "../../src/demo/frames.ts";
import { eventually } from "../support/eventually.ts";
import { openScreen } from "../support/screen.ts";

/** Where temporary files go: nothing else writes there. */
let temporary: string;
beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), "demo-test-"));
  vi.stubEnv("TMPDIR", temporary);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(temporary, { recursive: true });
});

/** The text between two headings. */
function scene(text: string, number: number): string {
  const [, ...parts] = text.split(/^━━ (?=\d\/6|What happened)/m);
  return parts[number - 1] ?? "";
}

/** What is said before anything happens. */
function said(text: string): string {
  return (text.split("· MISP sends")[0] ?? "").replace(/\s+/g, " ");
}

test("demo plays its six scenes into the real pipeline and ends by itself, leaving nothing behind", async () => {
  const screen = openScreen();
  await demoCommand({ speed: 1000 }, screen.context);
  const text = screen.out();

  const burst = scene(text, 1);
  expect(burst.match(/→ authors/g)).toHaveLength(1);
  expect(burst).toContain("24 attributes added");
  expect(burst).not.toContain("→ soc");

  const publication = scene(text, 2);
  expect(publication.match(/→ soc/g)).toHaveLength(1);
  expect(said(publication)).toMatch(/comment, tags the event tlp:amber and PAP:AMBER, and publishes it/);
  expect(publication).toMatch(/TLP:AMBER.*New/);
  expect(publication).toContain("evil[.]example[.]com");
  expect(publication).not.toContain("withheld");

  expect(scene(text, 3)).toContain("Silence.");
  expect(scene(text, 3)).not.toContain("→");

  const update = scene(text, 4);
  expect(update.match(/→ soc/g)).toHaveLength(1);
  for (const change of [
    "adds an object",
    "tags that address tlp:red",
    "deleted",
    "comment edited",
    "PAP:AMBER moved",
  ]) {
    expect(said(update)).toContain(change);
  }
  expect(update).toMatch(/TLP:AMBER.*Updated/);
  expect(update).toContain("login[.]evil[.]example[.]com");
  expect(update).toContain("1 attribute withheld");

  const flood = scene(text, 5);
  expect(flood.match(/→ pulls/g)).toHaveLength(4);
  expect(flood).toMatch(/Ransomware at a supplier of ours/);
  expect(flood).toMatch(/Flood: 9 alerts, the gravest is Partner report/);
  expect(flood).toContain("about events of NORTH-CERT");
  expect(flood.indexOf("Ransomware")).toBeLessThan(flood.indexOf("Flood: 9"));

  const silence = scene(text, 6);
  expect(silence.split("3 updates are held for soc")[0]).not.toContain("→");
  expect(silence.match(/→ soc/g)).toHaveLength(1);
  expect(silence).toMatch(/Phishing wave against ACME, 5 victims\n.* Updated \(3 publications\)/);

  expect(scene(text, 7)).toContain("57 frames came in, 8 messages went out");
  expect(text).toContain("misp-herald check -c config.yaml");
  expect(text.replaceAll(/[[\]]/g, "")).not.toContain(RED_VALUE);
  expect(text).not.toContain("\x1b");
  expect(screen.errors()).toBe("");
  expect(readdirSync(temporary)).toEqual([]);
});

test("demo in colours writes the same words, and takes its waiting line away", async () => {
  const screen = openScreen({ terminal: true });
  await demoCommand({ speed: 1000 }, screen.context);
  expect(screen.out()).toContain("\x1b[1m");
  expect(screen.out()).toMatch(/… next: 2\/6 Published[^\r\n]*\r\x1b\[2K/);
});

test("demo that is interrupted ends at once, and leaves nothing behind", async () => {
  const screen = openScreen();
  // So slow that it would take hours to end by itself: only the interruption can end it.
  const ended = demoCommand({ speed: 0.001 }, screen.context);
  await eventually(() => screen.out().includes("may see drafts. soc reads"));
  expect(readdirSync(temporary)).toHaveLength(1);
  screen.stop.abort();
  await ended;
  expect(screen.out()).toMatch(/Stopped\.\n$/);
  expect(screen.out()).not.toContain("6/6");
  expect(readdirSync(temporary)).toEqual([]);
});

test("demo that is interrupted while alerts wait ends at once, too", async () => {
  const screen = openScreen();
  const ended = demoCommand({ speed: 1000 }, screen.context);
  await eventually(() => screen.out().includes("alerts are owed"));
  screen.stop.abort();
  await ended;
  expect(screen.out()).toMatch(/Stopped\.\n$/);
  expect(screen.out()).not.toContain("authors got");
});

test("demo says so when it was stopped before it began", async () => {
  const screen = openScreen();
  screen.stop.abort();
  await demoCommand({ speed: 1 }, screen.context);
  expect(screen.out()).toMatch(/Stopped\.\n$/);
});
