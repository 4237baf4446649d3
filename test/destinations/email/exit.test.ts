import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CERTIFICATE_FILE } from "../../support/http-server.ts";
import { payload, publication } from "../../support/payloads.ts";
import { openSmtpScript } from "../../support/smtp-script.ts";
import { openSmtpServer } from "../../support/smtp-server.ts";

// The compiled program, as it is shipped, since it is the end of a process that is tested; inside node_modules it finds
// its packages.
const root = join(import.meta.dirname, "../../..");
let compiled = "";

beforeAll(async () => {
  compiled = await mkdtemp(join(root, "node_modules/.exit-test-"));
  await writeFile(join(compiled, "package.json"), '{"type":"module"}');
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", join(root, "tsconfig.build.json"), "--outDir", join(compiled, "dist"), "--noCheck"];
  await promisify(execFile)(process.execPath, args, { cwd: root });
});

afterAll(async () => {
  await rm(compiled, { recursive: true, force: true });
});

/** Sends one mail in a process of its own, disposes, and tells what was said and whether the process ended by itself. */
async function run(server: { readonly port: number }, smtp: object, timeout: string) {
  const { link: _, ...unlinked } = publication(); // a URL does not survive JSON
  const sent = payload([unlinked]);
  const program = `
    import { email } from ${JSON.stringify(join(compiled, "dist/destinations/email/index.js"))};
    import { openLog } from ${JSON.stringify(join(compiled, "dist/base/log.js"))};
    const destination = email.parse(${JSON.stringify({
      type: "email",
      smtp: { host: "localhost", port: server.port, ca_file: CERTIFICATE_FILE, ...smtp },
      from: "herald@example.org",
      to: ["soc@example.org"],
      guard: { max_tlp: "red" },
      timeout,
    })}).open({ name: "m", log: openLog("silent"), now: Date.now, stdout: process.stdout });
    const outcome = await destination.send(${JSON.stringify(sent)}, new AbortController().signal);
    await destination[Symbol.asyncDispose]();
    console.log(outcome.kind);`;
  await writeFile(join(compiled, "run.js"), program);
  const child = spawn(process.execPath, [join(compiled, "run.js")], { stdio: ["ignore", "pipe", "inherit"] });
  const said = text(child.stdout);
  const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const [code, signal] = await once(child, "exit");
  clearTimeout(late);
  return { said: (await said).trim(), code, signal };
}

test("email does not keep a process alive once it is disposed of", async () => {
  await using server = await openSmtpServer();
  expect(await run(server, {}, "60s")).toEqual({ said: "unproven", code: 0, signal: null });
  expect(server.mails).toHaveLength(1);
});

test("email does not keep a process alive for a server that hangs", async () => {
  await using server = await openSmtpScript({ ".": () => {} });
  expect(await run(server, { require_tls: false }, "1s")).toEqual({ said: "ambiguous", code: 0, signal: null });
});
