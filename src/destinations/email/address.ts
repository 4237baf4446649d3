import { z } from "zod";

/** One mailbox as the operator wrote it: `soc@example.org` or `SOC <soc@example.org>`. */
export interface Mailbox {
  readonly name?: string;
  /** ASCII, checked: nothing in it can end a header or an SMTP command, or name a second recipient. */
  readonly address: string;
}

// The dot-atom form of RFC 5322 3.4.1 and host names; quoted local parts, comments and groups only serve to smuggle recipients.
const LOCAL = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const NAME = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}<>"]{0,100}$/u;

function isAddress(text: string): boolean {
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  // Lengths of RFC 5321 4.5.3.1; the regular expressions see nothing longer.
  return at > 0 && local.length <= 64 && text.length <= 254 && LOCAL.test(local) && DOMAIN.test(domain);
}

function parseMailbox(text: string): Mailbox | undefined {
  const named = text.length <= 500 ? /^([^<>]*)<([^<>]*)>$/.exec(text.trim()) : undefined;
  const address = (named ? named[2] : text)?.trim() ?? "";
  const name = (named?.[1] ?? "").trim().replace(/^"([^"]*)"$/, "$1");
  if (!isAddress(address) || !NAME.test(name)) {
    return undefined;
  }
  return name === "" ? { address } : { name, address };
}

const PROBLEM = 'must be one address such as soc@example.org or "SOC <soc@example.org>", in ASCII, on one line';

/** One mailbox; header injection, lists in one text and groups are refused. */
export const MailboxText = z.string().transform((text, context): Mailbox => {
  const mailbox = parseMailbox(text);
  if (!mailbox) {
    context.addIssue({ code: "custom", message: PROBLEM, input: text });
    return z.NEVER;
  }
  return mailbox;
});

/** What is behind the `@`. */
export function domainOf({ address }: Mailbox): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

/** Mailboxes by address, each once; addresses that differ only in case are the same. */
export function addressesOf(mailboxes: readonly Mailbox[]): readonly string[] {
  const seen = new Map(mailboxes.map(({ address }) => [address.toLowerCase(), address]));
  return [...seen.values()];
}
