import { describeUnlisted } from "../../alert/telling.ts";
import type { Payload } from "../../model/payload.ts";
import { defineDestination } from "../destination.ts";
import { addressesOf, domainOf, type Mailbox } from "./address.ts";
import { MAX_ATTACHMENT_BYTES } from "./attachments.ts";
import { formatContent, MAX_HTML_BYTES } from "./format.ts";
import { composeEncryptedMail, composeMail } from "./mime.ts";
import { EMAIL_OPTIONS } from "./options.ts";
import type { MailFailure } from "./outcome.ts";
import { formatMailPage } from "./page.ts";
import { type Keyring, openKeyring } from "./pgp.ts";
import { combine, note, openRecipients, pendingOf } from "./recipients.ts";
import { openSmtp, type Rejection } from "./smtp.ts";
import { MAX_SUBJECT } from "./subject.ts";

const NO_KEY_HINT =
  "No usable key for some recipients: put their public keys in pgp.keys, or set pgp.require_encryption: false to write to them in clear";

function formatMailbox({ name, address }: Mailbox): string {
  return name === undefined ? address : `${name} <${address}>`;
}

/** Writes mails over SMTP, to people and lists; encrypted with PGP/MIME where keys are configured. */
export const email = defineDestination({
  type: "email",
  shape: EMAIL_OPTIONS,
  rate: { per_second: 1, burst: 1 },
  updates: () => ({ modes: ["thread", "new"], hint: "a mail that was sent cannot be changed" }),
  mentionProblem: () => "a mail mentions nobody: add the address to `to` of the destination",
  open(options, { name, now, log }) {
    const { from, to, cc, pgp } = options;
    const domain = domainOf(from);
    const addressing = { from, to, cc, replyTo: options.reply_to, domain };
    const everybody = addressesOf([...to, ...cc]);
    const mailOptions = {
      style: { timeZone: options.timezone, defang: options.defang },
      attach: options.attach,
      domain,
      listId: options.list_id,
      levelInSubject: options.threat_level_in_subject,
      hasThreads: options.updates !== "new",
    };
    const session = openSmtp(options.smtp, options.timeout);
    const recipients = openRecipients();

    /** Who gets the mail in which form; `unreachable` have no usable key and may not be written to in clear. */
    const share = (keyring: Keyring | undefined, addresses: readonly string[]) => {
      const encrypted = addresses.filter((address) => keyring?.usable.includes(address));
      const rest = addresses.filter((address) => !encrypted.includes(address));
      const unreachable = rest.filter(
        // Whoever has a key expects it to be used: an expired one is no reason to write in clear.
        (address) => pgp && (pgp.require_encryption || keyring?.broken.includes(address)),
      );
      return { encrypted, unreachable, clear: rest.filter((address) => !unreachable.includes(address)) };
    };

    const openKeys = async () => {
      const opened = pgp ? await openKeyring(pgp.keys, everybody, now()) : undefined;
      const trouble: MailFailure | undefined =
        opened && "failure" in opened ? { kind: "destination_rejected", ...opened.failure } : undefined;
      return { keyring: opened && "keyring" in opened ? opened.keyring : undefined, trouble };
    };

    return {
      name,
      ...(mailOptions.hasThreads && { threads: true as const }),
      async send(payload, signal) {
        signal.throwIfAborted();
        const startedAt = now();
        const { keyring, trouble: keyTrouble } = await openKeys();
        if (keyTrouble) {
          return keyTrouble;
        }
        const content = formatContent(payload, mailOptions);
        const progress = recipients.of(payload.batch);
        const troubles: MailFailure[] = [];
        const deferred: Rejection[] = [];
        const { encrypted, clear, unreachable } = share(keyring, pendingOf(everybody, progress));
        const deliver = async (addresses: readonly string[], compose: () => Promise<Buffer>) => {
          if (addresses.length > 0 && !troubles.some(({ kind }) => kind === "destination_rejected")) {
            const raw = await compose();
            const attempt = await session.send({ from: from.address, to: addresses, raw, signal });
            deferred.push(...note(progress, attempt));
            troubles.push(...(attempt.trouble ? [attempt.trouble] : []));
          }
        };
        if (keyring) {
          await deliver(encrypted, () => composeEncryptedMail(content, addressing, keyring.encrypt));
        }
        await deliver(clear, () => composeMail(content, addressing));
        for (const address of unreachable) {
          progress.dead.set(address, "no-key");
        }
        const outcome = finish(payload, combine(progress, troubles, deferred));
        log.debug(
          {
            destination: name,
            batch: payload.batch,
            outcome: outcome.kind,
            served: progress.served.size,
            refused: progress.dead.size,
            deferred: deferred.length,
            tookMs: now() - startedAt,
          },
          "Mailed",
        );
        return outcome;
      },
      fits: (payload) => formatContent(payload, mailOptions).trimmed.length === 0,
      async preview(payload) {
        const { keyring, trouble } = await openKeys();
        const content = formatContent(payload, mailOptions);
        const { encrypted, clear, unreachable } = share(keyring, everybody);
        const headers: readonly (readonly [string, string])[] = [
          ["From", formatMailbox(from)],
          ["To", to.map(formatMailbox).join(", ")],
          ...(cc.length > 0 ? [["Cc", cc.map(formatMailbox).join(", ")] as const] : []),
          ["Subject", content.subject],
          ["Date", new Date(content.createdAt).toUTCString()],
          ["List-Id", content.listId],
          ...Object.entries(content.labels),
          ...(encrypted.length > 0 ? [["Encrypted to", encrypted.join(", ")] as const] : []),
          ...(pgp && clear.length > 0 ? [["In clear to", clear.join(", ")] as const] : []),
          ...content.attachments.map(({ filename }) => ["Attached", filename] as const),
        ];
        return {
          body: [...headers.map(([header, value]) => `${header}: ${value}`), "", content.text].join("\n"),
          sizes: [
            { what: "subject", used: content.subject.length, limit: MAX_SUBJECT, unit: "characters" },
            { what: "HTML part", used: Buffer.byteLength(content.html), limit: MAX_HTML_BYTES, unit: "bytes" },
            ...content.attachments.map((file) => ({
              what: file.filename,
              used: Buffer.byteLength(file.content),
              limit: MAX_ATTACHMENT_BYTES,
              unit: "bytes" as const,
            })),
          ],
          trimmed: [
            ...content.trimmed,
            ...describeUnlisted(payload, mailOptions.style),
            ...(trouble ? [`nothing can be sent: ${trouble.hint ?? trouble.reason}`] : []),
            ...(!trouble && unreachable.length > 0 ? [`nothing for ${unreachable.join(", ")}: no usable key`] : []),
          ],
          html: formatMailPage(headers, content),
        };
      },
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };

    /** Says who gets nothing, once the batch is done with; forgets it when no recipient is left, or none was reached. */
    function finish(payload: Payload, outcome: ReturnType<typeof combine>): ReturnType<typeof combine> {
      const { served, dead } = recipients.of(payload.batch);
      const lacksKey = [...dead.values()].includes("no-key");
      if (outcome.kind === "unproven" || outcome.kind === "destination_rejected") {
        if (served.size === 0 || outcome.kind === "unproven") {
          recipients.forget(payload.batch);
        }
        if (outcome.kind === "unproven" && dead.size > 0) {
          const refused = [...dead].map(([address, detail]) => ({ address, detail }));
          const hint = lacksKey ? NO_KEY_HINT : "The server refuses these recipients for good: check `to` and `cc`";
          log.error({ destination: name, batch: payload.batch, refused, hint }, "Some recipients get nothing");
        }
      }
      return outcome.kind === "destination_rejected" && outcome.reason === "recipients-refused" && lacksKey
        ? { ...outcome, reason: "pgp-no-key", hint: NO_KEY_HINT }
        : outcome;
    }
  },
});
