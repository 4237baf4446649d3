import fc from "fast-check";
import { expect, it } from "vitest";
import { countItems } from "../../src/alert/counts.ts";
import { formatText as formatTerminal } from "../../src/destinations/console/format.ts";
import { formatContent } from "../../src/destinations/email/format.ts";
import { formatMessage as formatSlack } from "../../src/destinations/slack/format.ts";
import { formatMessage as formatTeams } from "../../src/destinations/teams/format.ts";
import { formatBody } from "../../src/formats/json.ts";
import type { Message } from "../../src/model/message.ts";
import type { Attribute, MispObject } from "../../src/model/misp.ts";
import type { Entry, Payload } from "../../src/model/payload.ts";
import { viewOf } from "../../src/template/view.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeEdited,
  attributeOf,
  objectOf,
  publication,
  SECOND,
  T0,
  tags,
  uuidOf,
} from "../support/messages.ts";
import { readHtml, readSlack, readTeams } from "../support/readers.ts";
import { stage } from "../support/stage.ts";

const STYLE = { timeZone: "UTC", defang: true };
const TYPES = ["domain", "ip-dst", "url", "sha256", "filename|md5"] as const;

/** An event's life: what it is published with, what happens to its attributes, and whether it is published again. */
const events = fc.array(
  fc.record({
    attributes: fc.array(
      fc.record({
        type: fc.constantFrom(...TYPES),
        toIds: fc.boolean(),
        red: fc.boolean(),
        // In one of two objects, or in none.
        object: fc.option(fc.nat(1), { nil: undefined }),
        long: fc.boolean(),
      }),
      { maxLength: 24 },
    ),
    isTold: fc.boolean(),
    deeds: fc.array(fc.record({ deed: fc.constantFrom("add", "edit", "delete", "restore"), at: fc.nat(23) }), {
      maxLength: 8,
    }),
    isAgain: fc.boolean(),
  }),
  { minLength: 1, maxLength: 4 },
);
type Life = typeof events extends fc.Arbitrary<readonly (infer T)[]> ? T : never;

const shows = fc.oneof(fc.constantFrom(0, 1, 3, 20, 500), fc.constant("matched" as const));

/** Every value names its event and itself: `v0x3x`. */
const nameOf = (event: number, at: number) => `v${event}x${at}x`;
const NAME = /v\d+x\d+x/g;

interface Told {
  readonly messages: readonly Message[];
  readonly toldBefore: number;
  /** The attributes that are deleted in the end. */
  readonly gone: ReadonlySet<string>;
  readonly visible: ReadonlyMap<string, ReadonlySet<string>>;
}

/** What MISP sends of such lives: first what is told before, then one thing a second. */
function play(lives: readonly Life[]): Told {
  const first: Message[] = [];
  const rest: Message[] = [];
  const gone = new Set<string>();
  const visible = new Map<string, ReadonlySet<string>>();
  let now = T0;
  for (const [index, { attributes, isTold, deeds, isAgain }] of lives.entries()) {
    const uuid = uuidOf(String(900 + index));
    const event = { id: String(70 + index), uuid, info: titleOf(index) };
    const objects = [0, 1].map((n) => objectOf(uuidOf(String(500 + index * 10 + n))));
    const parts = new Map<number, Attribute>();
    const make = (at: number, part: Life["attributes"][number] | undefined): Attribute => {
      const { type = "domain", toIds = true, red = false, object, long = false } = part ?? {};
      // Long enough that Slack and Teams cannot take all of them.
      const value = `${nameOf(index, at)}.example/${long && type === "url" ? "y".repeat(1500) : ""}`;
      return attributeOf(String(1000 + index * 100 + at), {
        ...{ type, toIds, value, comment: "", tags: red ? tags("tlp:red") : [] },
        ...(object !== undefined && { objectKey: objects[object]?.key ?? "", relation: type }),
      });
    };
    for (const [at, part] of attributes.entries()) {
      parts.set(at, make(at, part));
    }
    const publish = (): Message => {
      now += SECOND;
      const live = [...parts].filter(([at]) => !gone.has(nameOf(index, at))).map(([, part]) => part);
      const used = objects.filter(({ key }) => live.some(({ objectKey }) => objectKey === key));
      return publication({ event: { ...event, changedAt: now }, attributes: live, objects: used, receivedAt: now });
    };
    (isTold ? first : rest).push(publish());
    for (const { deed, at } of deeds) {
      now += SECOND;
      const name = nameOf(index, at);
      const isKnown = parts.has(at);
      const isGone = gone.has(name);
      if (deed === "add" ? isKnown : !isKnown || (deed === "restore") !== isGone) {
        continue;
      }
      const part = { ...(parts.get(at) ?? make(at, undefined)), changedAt: now };
      parts.set(at, part);
      const object: MispObject | undefined = objects.find(({ key }) => key === part.objectKey);
      const frame = {
        id: part.id ?? "",
        attribute: part,
        event: { ...event, published: false },
        receivedAt: now,
        ...(object && { object }),
      };
      if (deed === "delete") {
        gone.add(name);
        rest.push(attributeDeleted({ ...frame, attribute: { ...part, deleted: true } }));
      } else {
        gone.delete(name);
        rest.push(deed === "add" ? attributeAdded(frame) : attributeEdited(frame));
      }
    }
    if (isAgain) {
      rest.push(publish());
    }
    const seen = [...parts].filter(
      ([at, part]) => !gone.has(nameOf(index, at)) && !part.tags?.some(({ name }) => name === "tlp:red"),
    );
    visible.set(uuid, new Set(seen.map(([at]) => nameOf(index, at))));
  }
  return { messages: [...first, ...rest], toldBefore: first.length, gone, visible };
}

const titleOf = (index: number) => `Event-${index}-here`;

interface Scene extends Told {
  readonly payload: Payload;
}

async function forAll(check: (scene: Scene) => void, guard: object, kinds: readonly string[] = ["*"]): Promise<void> {
  await fc.assert(
    fc.asyncProperty(events, shows, async (lives, show) => {
      const told = play(lives);
      const { messages, toldBefore } = told;
      const route = { kinds, group: { by: [], wait: "1s", show }, match: { not: { org: "nobody" } } };
      const payload = await stage({ messages, toldBefore, guard, route });
      if (payload) {
        check({ ...told, payload });
      }
    }),
    { numRuns: 40, seed: 15 },
  );
}

const mail = (payload: Payload) =>
  formatContent(payload, { style: STYLE, attach: ["csv", "json"], domain: "misp.example.org" });

/** What people read in each channel. */
const PEOPLE: Readonly<Record<string, (payload: Payload) => string>> = {
  console: (payload) => formatTerminal(payload, { ...STYLE, colors: false, columns: 10_000 }),
  slack: (payload) => readSlack(formatSlack(payload, STYLE).message),
  teams: (payload) => readTeams(formatTeams(payload, STYLE).message),
  "mail's text": (payload) => mail(payload).text,
  "mail's HTML": (payload) => readHtml(mail(payload).body),
};

/** The line of each entry, from its title to the next one's; what a notification says stands before the first. */
function sectionsOf(text: string, entries: readonly Entry[]): readonly string[] {
  const body = text.replace(/^(?:Subject|\(notification|\(summary|\(preheader).*$/gm, "");
  const titles = entries.map(({ guarded }) => guarded.alert.event?.info ?? "");
  return titles.map((title) => {
    const start = body.indexOf(title);
    const ends = titles.map((other) => body.indexOf(other)).filter((at) => at > start);
    return start < 0 ? "" : body.slice(start, Math.min(body.length, ...ends));
  });
}

const numberIn = (text: string, pattern: RegExp) => {
  const [, found] = pattern.exec(text) ?? [];
  return found === undefined ? undefined : Number(found.replaceAll(",", ""));
};

/** What a section says of an entry, against what the entry has. */
function judge(section: string, entry: Entry, { gone, visible }: Told, isDigest: boolean): void {
  const { alert } = entry.guarded;
  const { attributes, withdrawn } = countItems(entry);
  const live = new Set<string>();
  const struck = new Set<string>();
  for (const line of section.split("\n")) {
    const isRemoved = /~.*~|^\W*Withdrawn {2}|\((?:deleted|no longer[^)]*)\)$/.test(line);
    for (const [name] of line.matchAll(NAME)) {
      (isRemoved ? struck : live).add(name);
    }
  }
  expect([...live].filter((name) => gone.has(name))).toEqual([]);
  expect([...struck].filter((name) => !gone.has(name))).toEqual([]);

  const more = numberIn(section, /\+([\d,]+) more in MISP/) ?? numberIn(section, /([\d,]+) attributes? in MISP/) ?? 0;
  const [, types = ""] = /more in MISP: ([^·\n]*)/.exec(section) ?? [];
  if (types !== "") {
    expect(types.split(", ").reduce((sum, one) => sum + Number.parseInt(one, 10), 0)).toBe(more);
  }
  const stated = numberIn(section, /Attributes(?::|\*)? +([\d,]+)/);
  if (stated !== undefined) {
    expect(stated).toBe(attributes);
  }
  const { compared } = entry;
  if (compared) {
    expect(compared.added + compared.changed + compared.unchanged).toBe(attributes);
    expect(compared.removed).toBe(withdrawn);
    const news = compared.added + compared.changed;
    expect([section, numberIn(section, /([\d,]+) new(?:,| since)/) ?? 0]).toEqual([section, compared.added]);
    expect(numberIn(section, /([\d,]+) withdrawn since/) ?? 0).toBe(compared.removed);
    if (!isDigest || live.size > 0) {
      // What is told before stands beside what is new in the same object.
      const isNew = (name: string) =>
        alert.items.some(({ value = "", news: word }) => value.startsWith(name) && word !== "unchanged");
      expect([...live].filter(isNew).length + more).toBe(news);
    }
  } else if (alert.kind === "event.published" && (!isDigest || live.size > 0)) {
    expect([section, live.size + more]).toEqual([section, attributes]);
  }
  const moreGone =
    numberIn(section, /\+([\d,]+) more withdrawn/) ?? numberIn(section, /([\d,]+) attributes? withdrawn/);
  expect([section, struck.size + (moreGone ?? 0)]).toEqual([section, withdrawn]);
  // A publication has all that its readers may see, and nothing else.
  const whole = visible.get(alert.event?.uuid ?? "");
  if (alert.kind === "event.published" && whole) {
    expect(attributes).toBe(whole.size);
    expect([...live].filter((name) => !whole.has(name))).toEqual([]);
  }
}

it.each(Object.entries(PEOPLE))(
  "adds up, and names nothing withdrawn among what holds: %s",
  async (_, read) => {
    await forAll(
      (scene) => {
        const { entries } = scene.payload;
        const sections = sectionsOf(read(scene.payload), entries);
        for (const [index, entry] of entries.entries()) {
          judge(sections[index] ?? "", entry, scene, entries.length > 1);
        }
      },
      { max_tlp: "amber" },
    );
  },
  120_000,
);

/** What programs read of one entry. */
interface ProgramEntry {
  readonly form: string;
  readonly event: { readonly uuid: string };
  readonly indicators?: readonly { readonly value: string; readonly news?: string }[];
  readonly removed?: readonly { readonly value: string; readonly to_ids: boolean }[];
  readonly truncated?: { readonly indicators?: number; readonly removed?: number };
  readonly counts: {
    readonly attributes: number;
    readonly to_ids: number;
    readonly removed?: number;
    readonly types: readonly { readonly type: string; readonly n: number }[];
  };
  readonly changed?: {
    readonly exact: boolean;
    readonly added: number;
    readonly changed: number;
    readonly removed: number;
    readonly unchanged: number;
  };
}

function judgeProgram(one: ProgramEntry, gone: ReadonlySet<string>): void {
  const { indicators = [], removed = [], truncated = {}, counts, changed } = one;
  const names = (list: readonly { readonly value: string }[]) =>
    list.flatMap(({ value }) => [...value.matchAll(NAME)].map(([name]) => name));
  expect(names(indicators).filter((name) => gone.has(name))).toEqual([]);
  expect(names(removed).filter((name) => !gone.has(name))).toEqual([]);
  expect(removed.filter(({ to_ids }) => to_ids)).toEqual([]);
  expect(indicators.length + (truncated.indicators ?? 0)).toBe(counts.attributes);
  expect(removed.length + (truncated.removed ?? 0)).toBe(counts.removed ?? 0);
  expect(counts.types.reduce((sum, { n }) => sum + n, 0)).toBe(counts.attributes);
  if (changed?.exact) {
    expect(changed.added + changed.changed + changed.unchanged).toBe(counts.attributes);
    expect(changed.removed).toBe(counts.removed ?? 0);
  }
}

it("adds up for programs, in a body of any size, in files, and in what a template sees", async () => {
  await forAll(
    ({ payload, gone }) => {
      for (const whole of [true, undefined]) {
        const told = { ...payload, ...(whole && { whole }) };
        for (const bytes of [1_000_000, 20_000]) {
          const { entries } = JSON.parse(formatBody(told, bytes, { ...STYLE, values: "raw" }).text);
          for (const one of entries.filter(({ form, counts }: Partial<ProgramEntry>) => form === "full" && counts)) {
            judgeProgram(one, gone);
          }
        }
      }
      for (const one of payload.entries) {
        const view = viewOf(one, STYLE, payload.show);
        judgeProgram(JSON.parse(JSON.stringify(view)), gone);
      }
      const totals = payload.entries.map(countItems);
      for (const { filename, content } of mail(payload).attachments) {
        if (filename.endsWith(".json")) {
          for (const one of JSON.parse(content).entries) {
            judgeProgram(one, gone);
          }
          continue;
        }
        const isGone = filename.startsWith("withdrawn");
        const lines = content.trimEnd().split("\r\n").slice(1);
        expect(lines.flatMap((line) => [...line.matchAll(NAME)]).filter(([name]) => gone.has(name) !== isGone)).toEqual(
          [],
        );
        const total = totals.reduce((sum, one) => sum + (isGone ? one.withdrawn : one.attributes), 0);
        expect([filename, lines.length]).toEqual([
          lines.length < total ? `${isGone ? "withdrawn" : "indicators"}-${lines.length}-of-${total}.csv` : filename,
          lines.length,
        ]);
      }
    },
    { max_tlp: "amber" },
  );
}, 120_000);

it("counts the same for those who see no indicator, and shows them none", async () => {
  const full = new Map<string, ProgramEntry["counts"]>();
  const countsOf = (payload: Payload): readonly ProgramEntry[] =>
    JSON.parse(formatBody(payload, 1_000_000, { ...STYLE, values: "raw" }).text).entries;
  await fc.assert(
    fc.asyncProperty(events, async (lives) => {
      const { messages, toldBefore } = play(lives);
      const route = { group: { by: [], wait: "1s" } };
      const [all, few] = await Promise.all(
        [{ max_tlp: "red" }, { max_tlp: "clear", metadata_up_to: "red" }].map((guard) =>
          stage({ messages, toldBefore, guard, route }),
        ),
      );
      if (!all || !few) {
        expect([!all, !few]).toEqual([true, true]);
        return;
      }
      full.clear();
      for (const { event, counts } of countsOf({ ...all, whole: true })) {
        full.set(event.uuid, counts);
      }
      for (const { event, counts } of countsOf(few)) {
        const { attributes, to_ids, types } = full.get(event.uuid) ?? counts;
        expect({ ...counts, removed: 0 }).toEqual({ attributes, to_ids, types, removed: 0 });
      }
      for (const read of [...Object.values(PEOPLE), (told: Payload) => JSON.stringify(countsOf(told))]) {
        expect(read(few)).not.toMatch(NAME);
      }
    }),
    { numRuns: 40, seed: 15 },
  );
}, 120_000);
