import { clean, truncate } from "../../alert/text.ts";
import type { MentionEntity } from "./card.ts";
import { inertText, type MentionLine } from "./text.ts";

/** Teams mentions people by user principal name or Entra object id; a webhook has no other mentions. */
const PERSON = /^(?:(?<name>[^<>]*)<(?<inner>[^<>]+)>|(?<bare>[^<>\s]+))$/;
const UPN = /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+$/;
const OBJECT_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const MAX_MENTIONS = 20;
const MAX_NAME = 60;

/** Reads `alice@example.org`, an object id, or `Alice <either>`; undefined: Teams could not mention it. */
export function parseMention(text: string): { readonly id: string; readonly name: string } | undefined {
  const groups = PERSON.exec(text.trim())?.groups;
  const id = (groups?.inner ?? groups?.bare ?? "").trim();
  if (!UPN.test(id) && !OBJECT_ID.test(id)) {
    return undefined;
  }
  const name = clean(groups?.name ?? "");
  const own = clean(UPN.test(id) ? id.replace(/@.*$/, "") : id.slice(0, 8));
  return { id, name: inertText(truncate(name === "" ? own : name, MAX_NAME)) };
}

/** The line that mentions people and what Teams needs beside it; undefined where there is no mention. */
export function formatMentions(
  mentions: readonly string[],
): { readonly line: MentionLine; readonly entities: readonly MentionEntity[] } | undefined {
  const people = new Map<string, MentionEntity>();
  const names = new Map<string, number>();
  for (const { id, name } of mentions.flatMap((mention) => parseMention(mention) ?? [])) {
    if (people.size < MAX_MENTIONS && !people.has(id.toLowerCase())) {
      const n = (names.get(name) ?? 0) + 1;
      names.set(name, n);
      // Teams tells people of one name apart by nothing but this text.
      const shown = n === 1 ? name : inertText(clean(`${name} #${n}`));
      people.set(id.toLowerCase(), { type: "mention", text: `<at>${shown}</at>`, mentioned: { id, name: shown } });
    }
  }
  const entities = [...people.values()];
  return entities.length === 0
    ? undefined
    : { line: entities.map(({ text }) => text).join(", ") as MentionLine, entities };
}
