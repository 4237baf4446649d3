import { DecodeError } from "../base/errors.ts";
import type { Line } from "../model/message.ts";
import { defineTopic, readLines } from "./topic.ts";
import { id, isRaw, type Raw, text } from "./values.ts";

/** `misp_json_audit`: MISP logged something, in one of three shapes. Of who it was only the id is read, and nothing of what changed. */
export const audit = defineTopic({
  name: "misp_json_audit",
  read(body) {
    if (body.action !== "log") {
      throw new DecodeError("unknown action");
    }
    const entry = [body.Log, body.AuditLog].find(isRaw) ?? body;
    const actor = id(entry.user_id);
    return {
      kind: "audit.logged",
      subject: { type: "audit" },
      ...(actor !== undefined && { actor }),
      lines: readEntry(body),
    };
  },
});

function readEntry(body: Raw): readonly Line[] {
  if (isRaw(body.Log)) {
    return readRow(body.Log, body.Log.title);
  }
  if (isRaw(body.AuditLog)) {
    return readRow(body.AuditLog, body.AuditLog.model_title);
  }
  // The access log; its URL holds what was searched for.
  if (typeof body.controller === "string") {
    return readLines({ controller: body.controller, method: body.request_method });
  }
  throw new DecodeError("audit entry has no known shape");
}

function readRow(raw: Raw, title: unknown): readonly Line[] {
  return readLines({ model: raw.model, action: raw.action, title: withoutAddresses(title) });
}

/** The title of an entry about an account is its e-mail address. */
function withoutAddresses(title: unknown): string | undefined {
  return text(title)?.replace(/\S+/g, (word) => (word.includes("@") ? "[address]" : word));
}
