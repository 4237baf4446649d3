import { readFile } from "node:fs/promises";
import type { Key } from "openpgp";
import type { Failure } from "../../model/payload.ts";

/** Public keys for some recipients. */
export interface Keyring {
  /** `usable`: encrypt to them; `broken`: there is a key, but it is expired, revoked or cannot encrypt; others have none. */
  readonly usable: readonly string[];
  readonly broken: readonly string[];
  /** Encrypts to all of `usable`; gives the armour. */
  encrypt(mail: Uint8Array): Promise<string>;
}

export type OpenedKeyring = { readonly keyring: Keyring } | { readonly failure: Failure };

function failed(reason: string, hint: string): OpenedKeyring {
  return { failure: { reason, hint } };
}

async function hasEncryptionKey(key: Key, now: Date): Promise<boolean> {
  try {
    // Also verifies the primary key: not of one that is expired or revoked.
    await key.getEncryptionKey(undefined, now);
    return true;
  } catch {
    return false;
  }
}

/** Addresses that the owner of a key has signed into it; revoked ones are not among them. */
async function addressesIn(key: Key, now: Date): Promise<readonly string[]> {
  const told = await Promise.all(
    key.users.map(async (user) => {
      const valid = await user.verify(now).catch(() => false);
      return valid === true ? (user.userID?.email.toLowerCase() ?? "") : "";
    }),
  );
  return told.filter((address) => address !== "");
}

/**
 * Reads armoured public keys and finds those of `recipients`. Read anew for each mail, so that a key that was renewed on disk
 * is used without a restart.
 */
export async function openKeyring(
  paths: readonly string[],
  recipients: readonly string[],
  nowMs: number,
): Promise<OpenedKeyring> {
  const openpgp = await import("openpgp").catch(() => undefined);
  if (!openpgp) {
    return failed("pgp-not-installed", "Install the optional package openpgp beside misp-herald: npm install openpgp");
  }
  const now = new Date(nowMs);
  const keys: Key[] = [];
  for (const [index, path] of paths.entries()) {
    const place = `pgp.keys[${index}]`;
    const armoredKeys = await readFile(path, "utf8").catch(() => undefined);
    if (armoredKeys === undefined) {
      return failed("pgp-key-unreadable", `The file of ${place} cannot be read: check its path and permissions`);
    }
    const read = await openpgp.readKeys({ armoredKeys }).catch(() => undefined);
    if (!read || read.length === 0) {
      return failed(
        "pgp-key-invalid",
        `The file of ${place} holds no armoured public key: gpg --armor --export <address>`,
      );
    }
    keys.push(...read.map((key) => key.toPublic()));
  }
  const found = await Promise.all(
    keys.map(async (key) => ({
      key,
      addresses: new Set(key.users.map((user) => user.userID?.email.toLowerCase() ?? "")),
      valid: new Set(await addressesIn(key, now)),
      usable: await hasEncryptionKey(key, now),
    })),
  );
  const isUsable = (address: string) => found.some((one) => one.usable && one.valid.has(address.toLowerCase()));
  const hasKey = (address: string) => found.some((one) => one.addresses.has(address.toLowerCase()));
  const usable = recipients.filter(isUsable);
  return {
    keyring: {
      usable,
      broken: recipients.filter((address) => hasKey(address) && !isUsable(address)),
      async encrypt(mail) {
        const readers = new Set(usable.map((address) => address.toLowerCase()));
        const encryptionKeys = found
          .filter((one) => one.usable && [...one.valid].some((address) => readers.has(address)))
          .map(({ key }) => key);
        const message = await openpgp.createMessage({ binary: mail, date: now });
        return String(await openpgp.encrypt({ message, encryptionKeys, date: now, format: "armored" }));
      },
    },
  };
}
