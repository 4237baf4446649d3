import type { Item } from "../model/alert.ts";
import type { MispObject } from "../model/misp.ts";
import type { Entry } from "../model/payload.ts";
import { type Indicator, indicator } from "./indicators.ts";
import { inert, type Style } from "./style.ts";
import { type CleanText, clean, join, truncate } from "./text.ts";

/** What belongs together: an attribute on its own, or those of one object. */
export interface Thing {
  readonly members: readonly Item[];
  readonly object?: MispObject;
}

/** One line of a list for people: an indicator, and what else its object says. */
export interface Row extends Indicator {
  /** The rest of its object: `sha256 9f86…`. */
  readonly parts: readonly { readonly name: CleanText; readonly value: CleanText }[];
  /** How many attributes it stands for. */
  readonly attributes: number;
}

/** How many members of an object are looked at, beside the first. */
export const MAX_PARTS = 10;
const MAX_NOTES = 3;
const MAX_PART = 300;

/** What an object is called by, before the others. */
const NAMES = ["filename", "url", "domain", "hostname", "email", "from", "ip", "ip-dst", "value", "name", "id"];
const HASHES = ["sha256", "sha512", "sha1", "md5", "sha384", "sha224", "imphash", "ssdeep", "tlsh"];
/** What only repeats another part, or says nothing that anybody asks for at night. */
const DULL: ReadonlySet<string> = new Set(["entropy", "mimetype", "state", "text", "first-seen", "last-seen"]);

/** What belongs together as one row: an object by what it is called, and the rest of it as its parts. */
export function rowOf(entry: Entry, { members, object }: Thing, style: Style): Row {
  const [first] = members;
  if (!first) {
    throw new Error("A thing has members");
  }
  if (members.length === 1) {
    return { ...indicator(entry, first, style), parts: [], attributes: 1 };
  }
  const all = members.map((item) => ({
    item,
    relation: item.relation ?? item.type ?? "",
    ...indicator(entry, item, style),
  }));
  const line = connection(all);
  const main = line
    ? undefined
    : (NAMES.flatMap((name) => all.find(({ relation }) => relation === name) ?? [])[0] ?? all[0]);
  const used = new Set(line?.used ?? (main ? [main] : []));
  const parts = all
    .filter((part) => !used.has(part))
    .sort((a, b) => rankOf(a.relation) - rankOf(b.relation))
    .map(({ relation, value, item }) => ({
      name: inert(clean(relation === "size-in-bytes" ? "size" : relation, 60), style),
      value: relation === "size-in-bytes" ? formatSize(item.value ?? "", value) : truncate(value, MAX_PART),
    }));
  const comments = [object?.comment, ...members.map(({ comment }) => comment)]
    .map((comment) => truncate(inert(clean(comment ?? "", 1000), style), 200))
    .filter((comment) => comment !== "");
  const punycode = all.flatMap(({ notes, item }) =>
    notes.filter((note) => note.includes("xn--") && item.value !== note),
  );
  return {
    type: inert(clean((object?.name ?? "object").replaceAll("-", " "), 100), style),
    value: line?.value ?? main?.value ?? clean("(no value)"),
    toIds: all.some(({ toIds }) => toIds),
    changed: all.some(({ changed }) => changed),
    ...newsOf(all),
    notes: [...new Set([...punycode, ...comments])].slice(0, MAX_NOTES),
    parts,
    attributes: members.length,
  };
}

/** Something in it is newer: it is new as a whole only where all of it is. */
function newsOf(parts: readonly Indicator[]): Pick<Indicator, "news"> {
  const fresh = parts.filter(({ news }) => news !== undefined);
  const [first] = fresh;
  return first?.news === undefined
    ? {}
    : {
        news:
          fresh.length === parts.length && fresh.every(({ news }) => news === first.news)
            ? first.news
            : clean("changed"),
      };
}

function rankOf(relation: string): number {
  const hash = HASHES.indexOf(relation);
  return hash >= 0 ? hash : DULL.has(relation) ? HASHES.length + 1 : HASHES.length;
}

interface Part {
  readonly relation: string;
  readonly value: CleanText;
}

/** One line for what goes from one host to another, or a name and where it points. */
function connection<T extends Part>(
  parts: readonly T[],
): { readonly value: CleanText; readonly used: readonly T[] } | undefined {
  const used: T[] = [];
  const one = (...relations: readonly string[]) => {
    const part = relations.flatMap((relation) => parts.find((candidate) => candidate.relation === relation) ?? [])[0];
    if (part) {
      used.push(part);
    }
    return part?.value;
  };
  const side = (hosts: readonly string[], ports: readonly string[]) => {
    const host = one(...hosts);
    const port = host === undefined ? undefined : one(...ports);
    return host === undefined || port === undefined ? host : join([host, port], ":");
  };
  const source = side(["ip-src", "hostname-src", "domain-src"], ["src-port"]);
  const name = source === undefined ? one("domain", "hostname") : undefined;
  const to = side(["ip-dst", "hostname-dst", "ip"], ["dst-port", "port"]);
  const from = source ?? name;
  if (to === undefined || (from === undefined && used.length < 2)) {
    return undefined;
  }
  const protocol = one("protocol", "layer4-protocol", "layer7-protocol");
  const ends = from === undefined ? [to] : [from, to];
  const value = join(
    [join(ends, " → "), ...(protocol === undefined ? [] : [join([clean("over"), protocol], " ")])],
    " ",
  );
  return { value, used };
}

/** `214 kB`. */
function formatSize(raw: string, value: CleanText): CleanText {
  const bytes = /^\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN;
  const [unit, size] =
    bytes >= 1e9 ? (["GB", 1e9] as const) : bytes >= 1e6 ? (["MB", 1e6] as const) : (["kB", 1e3] as const);
  return Number.isNaN(bytes)
    ? value
    : bytes < 1000
      ? clean(`${bytes} B`)
      : clean(`${Math.round(bytes / size)} ${unit}`);
}
