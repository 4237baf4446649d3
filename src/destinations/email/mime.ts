import { createHash } from "node:crypto";
import MailComposer from "nodemailer/lib/mail-composer";
import MimeNode from "nodemailer/lib/mime-node";
import type { Mailbox } from "./address.ts";
import type { MailContent } from "./format.ts";
import { ENCRYPTED_SUBJECT } from "./subject.ts";

/** Who writes to whom; in the headers of every copy, whoever gets it. */
export interface Addressing {
  readonly from: Mailbox;
  readonly to: readonly Mailbox[];
  readonly cc: readonly Mailbox[];
  readonly replyTo?: Mailbox | undefined;
  /** The domain in the ids that must be unique in the world. */
  readonly domain: string;
}

// Content is in memory, and nothing may make nodemailer look for it in files or behind URLs.
const CLOSED = { disableFileAccess: true, disableUrlAccess: true } as const;

/** nodemailer writes into what it is given; objects with `address` only, since it would parse a text for more recipients. */
function box({ name, address }: Mailbox): { name: string; address: string } {
  return { name: name ?? "", address };
}

function headersOf(content: MailContent): Record<string, string> {
  return {
    "Auto-Submitted": "auto-generated", // RFC 3834: no out-of-office answers
    "X-Auto-Response-Suppress": "OOF, AutoReply", // the same for Exchange; bounces are welcome
    "List-Id": `<${content.listId}>`,
    ...(content.isUrgent ? { Importance: "High", "X-Priority": "1 (Highest)" } : {}),
  };
}

const MAX_WORD_BYTES = 45; // in base64 60 letters, and an encoded word is of 75 at most (RFC 2047 2)

/**
 * Text for a header. What looks like an encoded word would be decoded by who reads it, to whatever was hidden in it: such a
 * text is encoded as a whole, so that it is read as it was typed.
 */
export function headerText(text: string): string {
  if (!text.includes("=?")) {
    return text;
  }
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (Buffer.byteLength(word + character) > MAX_WORD_BYTES) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  return [...words, word].map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`).join(" ");
}

function fieldsOf(content: MailContent, { from, to, cc, replyTo, domain }: Addressing, messageId: string) {
  const thread = content.threadId === undefined ? undefined : `<${content.threadId}@${domain}>`;
  return {
    ...CLOSED,
    from: box(from),
    to: to.map(box),
    ...(cc.length > 0 ? { cc: cc.map(box) } : {}),
    ...(replyTo ? { replyTo: box(replyTo) } : {}),
    date: new Date(content.createdAt),
    messageId: `<${messageId}@${domain}>`,
    ...(thread === undefined ? {} : { inReplyTo: thread, references: thread }),
  };
}

/** Follows from all of the content, so that nothing in it can be made to look like the boundary. */
function boundaryOf(content: MailContent): string {
  const hash = createHash("sha256").update(content.messageId).update(content.text).update(content.html);
  for (const { content: file } of content.attachments) {
    hash.update(file);
  }
  return hash.digest("hex").slice(0, 32);
}

function compile(content: MailContent, addressing: Addressing, messageId: string): MimeNode {
  return new MailComposer({
    ...fieldsOf(content, addressing, messageId),
    subject: headerText(content.subject),
    headers: { ...headersOf(content), ...content.labels },
    encoding: "quoted-printable",
    baseBoundary: boundaryOf(content),
    boundaryPrefix: "=_herald", // quoted-printable and base64 cannot have this at the begin of a line
    text: content.text,
    html: content.html,
    attachments: content.attachments.map((file) => ({
      filename: file.filename,
      contentType: file.contentType,
      content: Buffer.from(file.content),
      contentDisposition: "attachment" as const,
    })),
  }).compile();
}

/** The bytes of a mail, the same for the same content. */
export function composeMail(content: MailContent, addressing: Addressing): Promise<Buffer> {
  return compile(content, addressing, content.messageId).build();
}

/**
 * The bytes of an encrypted mail (RFC 3156): the whole mail, subject and labels included, is inside; outside is what relays
 * and mailboxes need. `encrypt` gives the armour of what it is given.
 */
export async function composeEncryptedMail(
  content: MailContent,
  addressing: Addressing,
  encrypt: (mail: Buffer) => Promise<string>,
): Promise<Buffer> {
  const messageId = `${content.messageId}.pgp`;
  const inner = compile(content, addressing, messageId);
  // Tells mail programs that the headers inside are the ones to show (draft-autocrypt-lamps-protected-headers).
  inner.setHeader("Content-Type", `${String(inner.getHeader("Content-Type"))}; protected-headers="v1"`);
  const armour = await encrypt(await inner.build());
  const outer = new MimeNode('multipart/encrypted; protocol="application/pgp-encrypted"', {
    ...CLOSED,
    baseBoundary: createHash("sha256").update(armour).digest("hex").slice(0, 32),
    boundaryPrefix: "=_herald",
  });
  const {
    from,
    to,
    cc,
    replyTo,
    date,
    messageId: id,
    references,
  } = {
    cc: undefined,
    replyTo: undefined,
    references: undefined,
    ...fieldsOf(content, addressing, messageId),
  };
  outer.setHeader({ ...headersOf(content) });
  outer.setHeader({ From: from, To: to, ...(cc && { Cc: cc }), ...(replyTo && { "Reply-To": replyTo }) });
  outer.setHeader({ Subject: ENCRYPTED_SUBJECT, "Message-ID": id, Date: date.toUTCString().replace("GMT", "+0000") });
  if (references !== undefined) {
    outer.setHeader({ "In-Reply-To": references, References: references });
  }
  const seven = { "Content-Transfer-Encoding": "7bit" };
  outer.createChild("application/pgp-encrypted", CLOSED).setHeader(seven).setContent("Version: 1\r\n");
  outer
    .createChild('application/octet-stream; name="encrypted.asc"', CLOSED)
    .setHeader({ ...seven, "Content-Disposition": 'inline; filename="encrypted.asc"' })
    .setContent(armour);
  return outer.build();
}
