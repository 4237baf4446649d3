import type { Needless } from "../model/frame.ts";
import type { Kind } from "../model/vocabulary.ts";

/**
 * What a frame may be spared for: nothing but the kinds in its row comes of it. It tells no state of an event that would be
 * remembered, tightens no marking or distribution and takes nothing back.
 *
 * That leaves out most topics on purpose. Publications and events are remembered; tags are markings; an attribute frame tells
 * the distribution of its event, a sighting who made it, a discussion which event it is about; an edited or deleted part may
 * have to be taken out of what is still owed. Added attributes that only repeat what is known are found by their bytes
 * (sources/frame-look.ts).
 */
const SPARED: readonly {
  readonly topic: string;
  /** Absent: whatever the action. */
  readonly actions?: readonly string[];
  readonly kinds: readonly Kind[];
}[] = [
  { topic: "misp_json_self", kinds: [] },
  { topic: "misp_json_audit", kinds: ["audit.logged"] },
  { topic: "misp_json_organisation", kinds: ["organisation.changed"] },
  { topic: "misp_json_user", kinds: ["user.created", "user.changed", "user.login", "user.logout"] },
  { topic: "misp_json_warninglist", kinds: ["warninglist.changed"] },
  { topic: "misp_json_workflow", kinds: ["workflow.pushed"] },
  { topic: "misp_json_tag", actions: ["add", "edit", "delete"], kinds: ["tag.created", "tag.edited", "tag.deleted"] },
  { topic: "misp_json_object", actions: ["add"], kinds: ["object.added"] },
  {
    topic: "misp_json_object_reference",
    kinds: ["reference.added", "reference.edited", "reference.deleted"],
  },
];

/** The frames that need not be read where no route wants more than `wanted`: whatever they say changes nothing. */
export function needlessWithout(wanted: ReadonlySet<Kind>): Needless {
  const spared = SPARED.filter(({ kinds }) => !kinds.some((kind) => wanted.has(kind)));
  return Object.fromEntries(spared.map(({ topic, actions }) => [topic, actions ?? ("all" as const)]));
}
