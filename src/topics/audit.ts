import { DecodeError } from "../base/errors.ts";
import type { Line } from "../model/message.ts";
import type { EventView } from "../model/misp.ts";
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
    const event = eventOf(body);
    return {
      kind: "audit.logged",
      subject: { type: "audit" },
      ...(actor !== undefined && { actor }),
      ...(event && { event }),
      lines: readEntry(body),
    };
  },
});

/** What MISP has beside its events, of which an entry tells nothing of any event. */
const WITHOUT_EVENT: ReadonlySet<unknown> = new Set([
  "AdminSetting",
  "Allowedlist",
  "AuthKey",
  "Dashboard",
  "DecayingModel",
  "Feed",
  "News",
  "Noticelist",
  "ObjectTemplate",
  "OrgBlocklist",
  "Organisation",
  "Regexp",
  "Role",
  "Server",
  "SharingGroup",
  "SharingGroupOrg",
  "SharingGroupServer",
  "Tag",
  "TagCollection",
  "Task",
  "Taxonomy",
  "Template",
  "User",
  "UserSetting",
  "Warninglist",
  "Whitelist",
  "Workflow",
]);

/** The event that an entry is about. One that is about a part, and does not say of which event, is still about one. */
function eventOf({ Log: classic, AuditLog: row }: Raw): EventView | undefined {
  const entry = isRaw(classic) ? classic : isRaw(row) ? row : undefined;
  // The access log tells no more than which page was asked for.
  if (!entry) {
    return undefined;
  }
  const told = id(entry.event_id) ?? (entry.model === "Event" ? id(entry.model_id) : eventInTitle(entry));
  if (told !== undefined) {
    return { id: told };
  }
  return WITHOUT_EVENT.has(entry.model) ? undefined : {};
}

/** MISP begins the title of a classic entry about an attribute so, before what people wrote. */
function eventInTitle({ model, title }: Raw): string | undefined {
  return model === "Attribute"
    ? id(/^Attribute \(\d+\) from Event \((\d+)\):/.exec(text(title) ?? "")?.[1])
    : undefined;
}

function readEntry(body: Raw): readonly Line[] {
  if (isRaw(body.Log)) {
    return readRow(body.Log, body.Log.title);
  }
  if (isRaw(body.AuditLog)) {
    return readRow(body.AuditLog, body.AuditLog.model_title);
  }
  // The access log; its URL holds what was searched for.
  if (typeof body.controller === "string") {
    return readLines({ controller: body.controller, method: body.request_method, ...readActor(body) });
  }
  throw new DecodeError("audit entry has no known shape");
}

function readRow(raw: Raw, title: unknown): readonly Line[] {
  return readLines({ model: raw.model, action: raw.action, title: withoutAddresses(title), ...readActor(raw) });
}

/** Who did it, by number: an e-mail address is told to nobody. What MISP does by itself has no number. */
function readActor(raw: Raw): Readonly<Record<string, unknown>> {
  const user = id(raw.user_id);
  return { ...(user !== undefined && { by: `user ${user}` }), organisation: withoutAddresses(raw.org) };
}

/** The title of an entry about an account is its e-mail address. */
function withoutAddresses(title: unknown): string | undefined {
  return text(title)?.replace(/\S+/g, (word) => (word.includes("@") ? "[address]" : word));
}
