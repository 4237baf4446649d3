import type { Kind } from "../model/vocabulary.ts";
import { defineTopic, kindOf, readLines } from "./topic.ts";
import { id, isRaw, known, need } from "./values.ts";

// MISP names these two the wrong way round.
const KINDS: ReadonlyMap<unknown, Kind> = new Map([
  ["edit", "user.created"],
  ["add", "user.changed"],
  ["login", "user.login"],
  ["logout", "user.logout"],
]);

/** `misp_json_user`: an account was stored or used. Old versions of MISP send its keys too: only the e-mail is read. */
export const user = defineTopic({
  name: "misp_json_user",
  read(body) {
    const kind = kindOf(KINDS, body.action);
    const raw = need(body.User, "user");
    const account = id(raw.id);
    return {
      kind,
      subject: known({ type: "user" as const, id: account }),
      ...(account !== undefined && { actor: account }),
      lines: readLines({
        email: raw.email,
        organisation: isRaw(body.Organisation) ? body.Organisation.name : undefined,
      }),
    };
  },
});
