import { createHash } from "node:crypto";
import { isAskedLater } from "../model/asked.ts";
import type { EventMemory } from "../model/memory.ts";
import type { Message, Truth } from "../model/message.ts";
import type { Organisation, Reach, SharingGroup } from "../model/misp.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Whether an entry of `audience` is this organisation. What is written as a UUID is one, and no name; a name means the
 * organisation of that name on the instance, whatever the case of its letters.
 */
export function isReader(reader: string, organisation: Organisation): Truth {
  const told = UUID.test(reader) ? organisation.uuid : organisation.name;
  return told === undefined ? "unknown" : fold(told) === fold(reader);
}

/** Whether everybody who reads is of this one organisation. */
export function areOf(audience: readonly string[], owner: Organisation): Truth {
  if (audience.length === 0) {
    return false;
  }
  const truths = audience.map((reader) => isReader(reader, owner));
  return truths.includes(false) ? false : truths.includes("unknown") ? "unknown" : true;
}

/** Whether everybody who reads is of an organisation in the group, as far as `members` tell. */
export function areMembers(audience: readonly string[], members: readonly Organisation[]): boolean {
  const called = callsOf(members);
  return audience.length > 0 && audience.every((reader) => called.has(fold(reader)));
}

/** What members are called in an audience. A hundred thousand attributes share one list, which is gone through once. */
const callsOf = memoized((members: readonly Organisation[]): ReadonlySet<string> => {
  const called = new Set<string>();
  for (const { name, uuid } of members) {
    // A name that looks like a UUID is no name.
    for (const one of [name !== undefined && UUID.test(name) ? undefined : name, uuid]) {
      if (one !== undefined) {
        called.add(fold(one));
      }
    }
  }
  return called;
});

/** Stands for the members of a group where groups are compared. */
export const memberKey = memoized((members: readonly Organisation[]) =>
  createHash("sha256").update(JSON.stringify(members)).digest("base64url"),
);

/** The same, by what is remembered of the members of a group. */
export function areRemembered(audience: readonly string[], circles: Circles, key: string): boolean {
  const digests = digestsOf(circles).get(key);
  return audience.length > 0 && audience.every((reader) => digests?.has(digestOf(UUID.test(reader), reader)));
}

type Circles = NonNullable<EventMemory["circles"]>;

const digestsOf = memoized(
  (circles: Circles) => new Map(Object.entries(circles).map(([key, circle]) => [key, new Set(slices(circle))])),
);

/** The same answer to the same list, worked out once. */
function memoized<K extends object, V>(work: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const before = known.get(key);
    if (before !== undefined) {
      return before;
    }
    const value = work(key);
    known.set(key, value);
    return value;
  };
}

/** What names a sharing group on one instance; frames about parts tell its id alone. */
export function circleKey({ id, uuid }: SharingGroup): string | undefined {
  return id ?? uuid;
}

/** A name and a UUID of each member: enough to tell whether an organisation that is named is one, and not who is. */
const DIGEST_LENGTH = 8;
/** A group that is larger, or an event with more of them, is in no memory: who is a member is then unknown. */
const MAX_LENGTH = 128 * 1024;

/**
 * Who is in the sharing groups of an event, after a message; `memory` is all else that is known then. A list that is newer
 * than all that was held replaces the one that is known; any other takes members away, and adds none.
 */
export function withCircles(memory: EventMemory, before: EventMemory | undefined, message: Message): EventMemory {
  const said = circlesOf(message);
  if (said.size === 0) {
    return memory;
  }
  const isNewer = (memory.heldAt ?? 0) > (before?.heldAt ?? -1) || isAskedLater(before, message);
  const known = before?.circles ?? {};
  const circles = new Map(Object.entries(known));
  for (const [key, circle] of said) {
    const earlier = circles.get(key);
    circles.delete(key);
    circles.set(key, isNewer || earlier === undefined ? circle : common(earlier, circle));
  }
  const kept: [string, string][] = [];
  let room = MAX_LENGTH;
  // The newest first.
  for (const [key, circle] of [...circles].reverse()) {
    room -= circle.length + DIGEST_LENGTH;
    if (room >= 0) {
      kept.unshift([key, circle]);
    }
  }
  const isSame = kept.length === Object.keys(known).length && kept.every(([key, circle]) => known[key] === circle);
  return isSame ? memory : { ...memory, circles: Object.fromEntries(kept) };
}

function circlesOf({ event, attributes, objects }: Message): ReadonlyMap<string, string> {
  const circles = new Map<string, string>();
  const add = ({ sharingGroup }: Reach) => {
    const key = sharingGroup && circleKey(sharingGroup);
    if (key !== undefined && sharingGroup?.members && !circles.has(key)) {
      circles.set(key, circleOf(sharingGroup.members));
    }
  };
  if (event) {
    add(event);
  }
  objects.forEach(add);
  attributes.forEach(add);
  return circles;
}

function circleOf(members: readonly Organisation[]): string {
  const digests = members.flatMap(({ name, uuid }) => [
    ...(name === undefined ? [] : [digestOf(false, name)]),
    ...(uuid === undefined ? [] : [digestOf(true, uuid)]),
  ]);
  return [...new Set(digests)].sort().join("");
}

function common(a: string, b: string): string {
  return slices(a)
    .filter((digest) => has(b, digest))
    .join("");
}

function has(circle: string, digest: string): boolean {
  for (let at = circle.indexOf(digest); at >= 0; at = circle.indexOf(digest, at + 1)) {
    if (at % DIGEST_LENGTH === 0) {
      return true;
    }
  }
  return false;
}

function slices(circle: string): readonly string[] {
  return Array.from({ length: circle.length / DIGEST_LENGTH }, (_, index) =>
    circle.slice(index * DIGEST_LENGTH, (index + 1) * DIGEST_LENGTH),
  );
}

function digestOf(isUuid: boolean, name: string): string {
  return createHash("sha256")
    .update(JSON.stringify([isUuid, fold(name)]))
    .digest("base64url")
    .slice(0, DIGEST_LENGTH);
}

/** MISP lets no two organisations differ in case alone; other letters that look alike are others. */
function fold(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
