// Draws every golden alert in every channel as its readers see it, light, dark and as wide as a phone: for people who look at
// what they have changed; with `table` each row of the table of kinds and changes in each form. Not part of the tests, since
// every browser draws letters its own way.
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { Writable } from "node:stream";
import { type Browser, chromium } from "playwright-core";
import { openLog } from "../src/base/log.ts";
import { DestinationEntry } from "../src/destinations/index.ts";
import type { Payload, Preview } from "../src/model/payload.ts";
import { GOLDEN_NAMES, goldenPayload } from "../test/support/golden.ts";
import { TABLE } from "../test/support/table.ts";
import { FORMS, payloadsOf } from "../test/support/table-payloads.ts";

const BROWSERS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
/** A machine may have other things to do. */
const PATIENCE_MS = 120_000;
const OUT = resolve("build/pictures/out");
const GUARD = { max_tlp: "red" };
const CHANNELS: Readonly<Record<string, object>> = {
  slack: { type: "slack", webhook_url: "https://hooks.slack.com/services/T/B/X", guard: GUARD },
  teams: { type: "teams", webhook_url: "https://x.environment.api.powerplatform.com/w?sig=x", guard: GUARD },
  email: {
    type: "email",
    smtp: { host: "localhost" },
    from: "herald@example.org",
    to: "soc@example.org",
    guard: GUARD,
  },
  console: { type: "console", color: "always", guard: GUARD },
};
const LOOKS = [
  { name: "light", width: 800, scheme: "light" },
  { name: "dark", width: 800, scheme: "dark" },
  { name: "phone", width: 390, scheme: "light" },
] as const;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function preview(channel: string, payload: Payload): Promise<Preview> {
  const options = DestinationEntry.parse(CHANNELS[channel]);
  const stdout = Object.assign(new Writable({ write: (_chunk, _encoding, done) => done() }), { columns: 80 });
  const log = openLog("silent");
  await using destination = options.open({ name: "soc", log, now: () => payload.createdAt, stdout });
  return await destination.preview(payload);
}

async function draw(browser: Browser, name: string, channel: string, html: string): Promise<void> {
  for (const { name: look, width, scheme } of LOOKS) {
    // Previews of a terminal are a hundred columns wide; on a phone they wrap.
    const wide = channel === "console" && look !== "phone" ? 940 : width;
    const page = await browser.newPage({ viewport: { width: wide, height: 400 }, colorScheme: scheme });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.setContent(html);
    await page.screenshot({ path: join(OUT, `${channel}-${name}-${look}.png`), fullPage: true });
    await page.close();
  }
}

interface Scene {
  readonly name: string;
  payload(): Promise<Payload>;
}

/** Every row in every form, by a name that a file can have. */
async function* table(): AsyncGenerator<Scene> {
  for (const form of Object.keys(FORMS)) {
    for (const { name, payload } of await payloadsOf(form, Object.values(TABLE).flat())) {
      if (payload) {
        yield { name: `${form}-${name.replaceAll(/[^a-z0-9]+/gi, "-")}`, payload: async () => payload };
      }
    }
  }
}

async function* golden(wanted: readonly string[]): AsyncGenerator<Scene> {
  for (const name of GOLDEN_NAMES.filter((one) => wanted.length === 0 || wanted.includes(one))) {
    yield { name, payload: () => goldenPayload(name) };
  }
}

const executablePath = BROWSERS.find((path) => existsSync(path));
if (executablePath === undefined) {
  say(`No pictures: there is no browser (${BROWSERS.join(", ")}). On Debian: apt-get install chromium`);
} else {
  const wanted = process.argv.slice(2);
  mkdirSync(OUT, { recursive: true });
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  for await (const scene of wanted.includes("table") ? table() : golden(wanted)) {
    const payload = await scene.payload();
    for (const channel of Object.keys(CHANNELS)) {
      await draw(browser, scene.name, channel, (await preview(channel, payload)).html);
    }
    say(`Drew ${scene.name}`);
  }
  await browser.close();
  say(`Pictures are in ${OUT}`);
}
