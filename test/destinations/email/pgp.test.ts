import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as openpgp from "openpgp";
import PostalMime from "postal-mime";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Payload } from "../../../src/model/payload.ts";
import { payload, publication } from "../../support/payloads.ts";
import { openSmtpServer } from "../../support/smtp-server.ts";
import { NOW, openEmail } from "./open.ts";

let folder = "";
const pairs: Record<string, { readonly path: string; readonly privateKey: openpgp.PrivateKey }> = {};

async function makeKey(name: string, address: string, extra: object = {}): Promise<openpgp.PrivateKey> {
  const { publicKey, privateKey } = await openpgp.generateKey({
    userIDs: [{ name, email: address }],
    date: new Date(NOW - 86_400_000),
    format: "object",
    ...extra,
  });
  const path = join(folder, `${name}.asc`);
  await writeFile(path, publicKey.armor());
  pairs[name] = { path, privateKey };
  return privateKey;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "herald-pgp-"));
  await makeKey("soc", "SOC@example.org");
  await makeKey("lead", "lead@example.org");
  await makeKey("stranger", "stranger@example.org");
  await makeKey("expired", "expired@example.org", { keyExpirationTime: 3600 });
  const { publicKey } = await openpgp.revokeKey({
    key: await makeKey("revoked", "revoked@example.org"),
    date: new Date(NOW - 3_600_000),
    format: "object",
  });
  await writeFile(pathOf("revoked"), publicKey.armor());
  await writeFile(join(folder, "broken.asc"), "no key at all");
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const pathOf = (name: string) => pairs[name]?.path ?? "";

async function send(
  to: readonly string[],
  pgp: object,
  sent: Payload = payload([publication()]),
  options: object = {},
) {
  await using server = await openSmtpServer();
  const { destination, find, lines } = openEmail(server, { to, pgp, ...options });
  await using _ = destination;
  const outcome = await destination.send(sent, new AbortController().signal);
  return { outcome, mails: server.mails, find, lines };
}

async function open(
  raw: Buffer | undefined,
  name: string,
): Promise<{ outer: string; inner: Awaited<ReturnType<typeof PostalMime.parse>> }> {
  const text = raw?.toString() ?? "";
  const armour = /-----BEGIN PGP MESSAGE-----[\s\S]*-----END PGP MESSAGE-----/.exec(text)?.[0] ?? "";
  const { data } = await openpgp.decrypt({
    message: await openpgp.readMessage({ armoredMessage: armour }),
    decryptionKeys: pairs[name]?.privateKey ?? [],
    format: "binary",
    date: new Date(NOW),
  });
  return { outer: text.replace(armour, ""), inner: await PostalMime.parse(Buffer.from(data)) };
}

describe("email with keys", () => {
  it("encrypts the whole mail, subject and attachments included, to each recipient's key (RFC 3156)", async () => {
    const { outcome, mails } = await send(
      ["soc@example.org", "lead@example.org"],
      { keys: [pathOf("soc"), pathOf("lead"), pathOf("stranger")] },
      undefined,
      { attach: ["csv"] },
    );
    expect(outcome).toEqual({ kind: "unproven" });
    expect(mails).toHaveLength(1);
    for (const name of ["soc", "lead"]) {
      const { outer, inner } = await open(mails[0]?.raw, name);
      expect(inner.subject).toBe(
        "[MISP] [TLP:AMBER] High - Emotet epoch5 infrastructure, seen at bad[.]example (#4711)",
      );
      expect(inner.text).toContain("hxxps://bad[.]example/gate.php");
      expect(inner.attachments.map(({ filename }) => filename)).toEqual(["indicators-7-of-37.csv"]);
      expect(inner.headers.find(({ key }) => key === "content-type")?.value).toContain("protected-headers=");
      expect(outer).toMatch(/^Subject: \[MISP\] Encrypted alert\r$/m);
      expect(outer).not.toMatch(/Emotet|bad\[?\.|CIRCL|TLP|5f3c1a52/);
    }
    await expect(open(mails[0]?.raw, "stranger")).rejects.toThrow();
    const outside = await PostalMime.parse(mails[0]?.raw ?? "");
    const type = mails[0]?.raw.toString().match(/^Content-Type: multipart\/encrypted;[\s\S]*?\r\n(?=\S)/m)?.[0];
    expect(type).toMatch(/protocol="?application\/pgp-encrypted"?/);
    expect(outside.attachments.map(({ mimeType }) => mimeType)).toEqual([
      "application/pgp-encrypted",
      "application/octet-stream",
    ]);
    expect(new TextDecoder().decode(outside.attachments[0]?.content as ArrayBuffer)).toContain("Version: 1");
    expect(outside.messageId).toBe("<batch-1f2e3d.pgp@misp.example.org>");
  });

  it("writes to nobody in clear unless told so; who has no key gets nothing, and that is said", async () => {
    const { outcome, mails, find } = await send(["soc@example.org", "nokey@example.org"], { keys: pathOf("soc") });
    expect(outcome).toEqual({ kind: "unproven" });
    expect(mails.map(({ to }) => to)).toEqual([["soc@example.org"]]);
    expect(find(/^Some recipients get nothing/)).toMatchObject([
      { refused: [{ address: "nokey@example.org", detail: "no-key" }], hint: expect.stringMatching(/pgp.keys/) },
    ]);
  });

  it("keeps what it owes when nobody has a key", async () => {
    const { outcome, mails } = await send(["nokey@example.org"], { keys: pathOf("soc") });
    expect(outcome).toMatchObject({
      kind: "destination_rejected",
      reason: "pgp-no-key",
      hint: expect.stringMatching(/pgp.keys/),
    });
    expect(mails).toEqual([]);
  });

  it("writes in clear to those without a key when told so, in a mail of its own", async () => {
    const { outcome, mails } = await send(["soc@example.org", "nokey@example.org"], {
      keys: pathOf("soc"),
      require_encryption: false,
    });
    expect(outcome).toEqual({ kind: "unproven" });
    expect(mails.map(({ to }) => to)).toEqual([["soc@example.org"], ["nokey@example.org"]]);
    expect((await open(mails[0]?.raw, "soc")).inner.text).toContain("Emotet");
    const clear = await PostalMime.parse(mails[1]?.raw ?? "");
    expect(clear.text).toContain("Emotet");
    expect(clear.messageId).toBe("<batch-1f2e3d@misp.example.org>");
  });

  it.each(["expired", "revoked"])("never writes in clear to somebody whose key is %s", async (name) => {
    const { outcome, mails } = await send([`${name}@example.org`], {
      keys: pathOf(name),
      require_encryption: false,
    });
    expect(outcome).toMatchObject({ kind: "destination_rejected", reason: "pgp-no-key" });
    expect(mails).toEqual([]);
  });

  it.each([
    ["cannot be read", "/nowhere/soc.asc", "pgp-key-unreadable"],
    ["holds no key", "broken.asc", "pgp-key-invalid"],
  ])("sends nothing at all when a file of keys %s", async (_, file, reason) => {
    const { outcome, mails } = await send(["soc@example.org", "other@example.org"], {
      keys: [pathOf("soc"), file.startsWith("/") ? file : join(folder, file)],
      require_encryption: false,
    });
    expect(outcome).toMatchObject({
      kind: "destination_rejected",
      reason,
      hint: expect.stringContaining("pgp.keys[1]"),
    });
    expect(mails).toEqual([]);
  });

  it("previews what is inside, to whom it is encrypted and who gets nothing", async () => {
    await using server = await openSmtpServer();
    const { destination } = openEmail(server, {
      to: ["soc@example.org", "nokey@example.org"],
      pgp: { keys: pathOf("soc") },
    });
    await using _ = destination;
    const { body, html, trimmed } = await destination.preview(payload([publication()]));
    expect(body).toContain("Encrypted to: soc@example.org");
    expect(html).toContain("Emotet");
    expect(trimmed).toEqual([
      "30 attributes of 37 not listed (show: 20)",
      "nothing for nokey@example.org: no usable key",
    ]);
    expect(server.connections.total).toBe(0);
  });
});
