import { describe, expect, it } from "vitest";
import { guard } from "../../src/guard/guard.ts";
import { merge } from "../../src/guard/merge.ts";
import type { Message } from "../../src/model/message.ts";
import type { GuardedAlert } from "../../src/model/payload.ts";
import {
  attributeAdded,
  attributeDeleted,
  attributeEdited,
  attributeOf,
  MINUTE,
  objectAdded,
  objectOf,
  publication,
  SECOND,
  T0,
  tags,
} from "../support/messages.ts";
import { composed, guardedOf, judge, parse } from "./verdicts.ts";

const first = publication({ attributes: [attributeOf("1")] });
const edit = (id: string, seconds: number, attribute: object = {}) =>
  attributeEdited({
    id,
    receivedAt: T0 + seconds * SECOND,
    attribute: { changedAt: T0 + seconds * SECOND, tags: [], ...attribute },
  });
const deletion = (id: string, seconds: number) =>
  attributeDeleted({
    id,
    receivedAt: T0 + seconds * SECOND,
    attribute: { changedAt: T0 + seconds * SECOND, tags: [], deleted: true },
  });
/** The same a second later, by a frame of another kind that names the attribute as if it held. */
const later = ({ alert, ...rest }: GuardedAlert, kind: "sighting.added") =>
  ({
    ...rest,
    alert: {
      ...alert,
      kind,
      receivedAt: alert.receivedAt + SECOND,
      items: alert.items.map(({ withdrawn: _, ...item }) => item),
    },
  }) as GuardedAlert;
const told = (message: Message): GuardedAlert => guardedOf(judge({}, message, first));
const changed = (guarded: GuardedAlert, change: "new" | "updated" | "unchanged") =>
  guarded.alert.change === change ? guarded : guardedAs(guarded, change);

function guardedAs({ alert }: GuardedAlert, change: "new" | "updated" | "unchanged"): GuardedAlert {
  const { alert: whole, memory } = composed(publication({ event: { changedAt: alert.event?.changedAt ?? T0 } }));
  return guardedOf(guard({ ...whole, receivedAt: alert.receivedAt, change }, parse({}), memory));
}

describe("merge()", () => {
  it("unites the attributes of many alerts about one event, and counts each once", () => {
    const { alert } = merge([told(edit("1", 1)), told(edit("2", 2)), told(edit("3", 3)), told(edit("2", 2))]);
    expect(alert.items.map(({ id }) => id).sort()).toEqual(["1", "2", "3"]);
    expect(alert.counts.map(({ n }) => n)).toEqual([3]);
  });

  it.each([
    ["oldest first", [1, 2, 3]],
    ["newest first", [3, 2, 1]],
    ["in no order", [2, 3, 1]],
  ])("shows an attribute as the newest alert has it, given %s", (_, order) => {
    const versions = [
      told(edit("1", 1, { value: "oldest" })),
      told(edit("1", 2, { value: "newer" })),
      told(edit("2", 3)),
    ];
    const [a, ...rest] = order.flatMap((index) => versions[index - 1] ?? []);
    if (!a) {
      throw new Error("no alert");
    }
    expect(merge([a, ...rest]).alert.items.find(({ id }) => id === "1")?.value).toBe("newer");
  });

  it("lets a publication absorb what came before it, and adds what came after", () => {
    const before = told(edit("8", 1, { value: "removed since" }));
    const published = told(
      publication({
        event: { changedAt: T0 + MINUTE },
        receivedAt: T0 + MINUTE,
        attributes: [attributeOf("1"), attributeOf("2")],
      }),
    );
    const after = told(edit("9", 90));
    const { alert } = merge([before, published, after]);
    expect(alert.kind).toBe("event.published");
    expect(alert.items.map(({ id }) => id)).toEqual(["1", "2", "9"]);
    expect(alert.counts.reduce((sum, { n }) => sum + n, 0)).toBe(3);
  });

  it("tells an attribute as taken back that was deleted after its publication, and counts it once", () => {
    const published = told(publication({ attributes: [attributeOf("1"), attributeOf("2")] }));
    const gone = told(deletion("1", 5));
    for (const { alert } of [merge([published, gone]), merge([gone, published])]) {
      expect(alert.items.map(({ id, withdrawn }) => [id, withdrawn])).toEqual([
        ["1", "deleted"],
        ["2", undefined],
      ]);
      expect(alert.counts.map(({ n, withdrawn }) => [n, withdrawn])).toEqual([
        [1, undefined],
        [1, "deleted"],
      ]);
    }
  });

  it("takes it back too where a sighting came after, and not where it was restored", () => {
    const added = told(edit("1", 1));
    const gone = told(deletion("1", 2));
    const restored = told(edit("1", 3));
    const withdrawn = (alerts: readonly [GuardedAlert, ...GuardedAlert[]]) => merge(alerts).alert.items[0]?.withdrawn;
    expect(withdrawn([added, gone])).toBe("deleted");
    expect(withdrawn([gone, later(gone, "sighting.added")])).toBe("deleted");
    expect(withdrawn([added, gone, restored])).toBeUndefined();
  });

  it("counts one less of what is only counted when one of it is taken back", () => {
    const attributes = Array.from({ length: 3 }, (_, n) => attributeOf(String(n + 1)));
    const whole = told(publication({ attributes }));
    const cut = { ...whole, alert: { ...whole.alert, items: whole.alert.items.slice(0, 1) } } as GuardedAlert;
    expect(merge([cut, told(deletion("3", 5))]).alert.counts.map(({ n, withdrawn }) => [n, withdrawn])).toEqual([
      [2, undefined],
      [1, "deleted"],
    ]);
  });

  it("counts the same of what is only counted, whatever came behind the publication", () => {
    const whole = told(publication({ attributes: ["1", "2", "3"].map((id) => attributeOf(id)) }));
    const metadata = (message: Message) =>
      guardedOf(judge({ max_tlp: "clear", metadata_up_to: "green", drafts: true }, message, first));
    const cut = { ...whole, alert: { ...whole.alert, items: [] } } as GuardedAlert;
    const behind = [
      edit("2", 5),
      deletion("3", 6),
      attributeAdded({ id: "9", receivedAt: T0 + 7 * SECOND, attribute: { tags: [] } }),
    ];
    const undone = [
      attributeAdded({ id: "8", receivedAt: T0 + 8 * SECOND, attribute: { tags: [] } }),
      deletion("8", 9),
    ];
    for (const [base, tell] of [
      [cut, told],
      [metadata(publication({ attributes: ["1", "2", "3"].map((id) => attributeOf(id)) })), metadata],
    ] as const) {
      const { alert } = merge([base, ...[...behind, ...undone].map(tell)]);
      const sum = (isGone: boolean) =>
        alert.counts.reduce((all, { n, withdrawn }) => all + (!withdrawn === isGone ? 0 : n), 0);
      expect([sum(false), sum(true)]).toEqual([3, 2]);
    }
  });

  it("takes the newest of several publications, and what it withholds", () => {
    const older = told(publication({ attributes: [attributeOf("1"), attributeOf("2")] }));
    const newer = told(
      publication({
        event: { changedAt: T0 + MINUTE },
        attributes: [attributeOf("1", { tags: tags("tlp:red") }), attributeOf("3")],
      }),
    );
    for (const merged of [merge([older, newer]), merge([newer, older])]) {
      expect(merged.alert.items.map(({ id }) => id)).toEqual(["3"]);
      expect(merged.withheld).toBe(1);
    }
  });

  it.each([
    [["new", "updated"], "new"],
    [["updated", "unchanged"], "updated"],
    [["unchanged"], "unchanged"],
  ] as const)("calls %j %s: the readers were told none of them", (changes, change) => {
    const [a, ...rest] = changes.map((one, index) =>
      changed(told(publication({ event: { changedAt: T0 + index * MINUTE } })), one),
    );
    if (!a) {
      throw new Error("no alert");
    }
    expect(merge([a, ...rest]).alert.change).toBe(change);
  });

  it("unites the objects", () => {
    const { alert } = merge([told(objectAdded(objectOf("o1"))), told(objectAdded(objectOf("o2")))]);
    expect(alert.objects.map(({ key }) => key).sort()).toEqual(["o1", "o2"]);
  });

  it("is labelled as the strictest of them", () => {
    const amber = guardedOf(judge({}, edit("1", 1, { tags: tags("tlp:amber") }), first));
    expect(merge([amber, told(edit("2", 2))]).tlp).toBe("amber");
    expect(merge([told(edit("2", 2)), amber]).tlp).toBe("amber");
  });
});
