import type { Config } from "../config/schema.ts";
import { KINDS, type Kind } from "../model/vocabulary.ts";
import { isOfKind } from "../routing/kinds.ts";
import { mayComeFrom } from "./reachability.ts";

/** What is wrong, and what to do. */
export interface Trouble {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly hint?: string;
}

/** One of MISP's switches for its ZeroMQ feed. */
export interface NotificationState {
  readonly setting: string;
  readonly on: boolean;
}

interface Notification {
  readonly setting: string;
  /** Which kinds it announces begin so. */
  readonly kinds: string;
  /** What is missing without it, whatever the routes say. */
  readonly without?: string;
}

const MASTER = "Plugin.ZeroMQ_enable";

const SWITCHES: readonly Notification[] = [
  { setting: MASTER, kinds: "" },
  {
    setting: notificationsOf("event"),
    kinds: "event.",
    without: "that an event is edited, unpublished or deleted is not heard of: what is owed of it is not taken back",
  },
  {
    setting: notificationsOf("attribute"),
    kinds: "attribute.",
    without: "that an attribute is deleted, or may travel less far, is not heard of before the next publication",
  },
  { setting: notificationsOf("object"), kinds: "object." },
  { setting: notificationsOf("object_reference"), kinds: "reference." },
  { setting: notificationsOf("sighting"), kinds: "sighting." },
  {
    setting: notificationsOf("tag"),
    kinds: "tag.",
    without:
      "that a marking is attached later is not heard of, and every publication is confirmed, not the first alone",
  },
  { setting: notificationsOf("organisation"), kinds: "organisation." },
  { setting: notificationsOf("user"), kinds: "user." },
  { setting: notificationsOf("audit"), kinds: "audit." },
  { setting: notificationsOf("warninglist"), kinds: "warninglist." },
];

function notificationsOf(what: string): string {
  return `Plugin.ZeroMQ_${what}_notifications_enable`;
}

/** MISP's switches, the one for all of them first. Publications and discussions have none of their own. */
export const SETTINGS: readonly string[] = SWITCHES.map(({ setting }) => setting);

/** A switch that has to be on in MISP, and what for. */
export interface NeededSetting {
  readonly setting: string;
  /** What routes name of it. */
  readonly kinds: readonly Kind[];
  readonly routes: readonly string[];
  /** What is missing without it, whatever the routes say. */
  readonly without?: string;
}

/** The switches that routes and guards need. */
export function neededSettings({ routes }: Pick<Config, "routes">): readonly NeededSetting[] {
  return SWITCHES.flatMap(({ setting, kinds: prefix, without }) => {
    const named = (globs: readonly string[]) => announcedBy(prefix, globs);
    const naming = routes.filter(({ kinds }) => named(kinds).length > 0);
    if (setting !== MASTER && naming.length === 0 && without === undefined) {
      return [];
    }
    const told = setting === MASTER ? [] : naming;
    const kinds = KINDS.filter((kind) => told.some((route) => named(route.kinds).includes(kind)));
    return [{ setting, kinds, routes: told.map(({ name }) => name), ...(without !== undefined && { without }) }];
  });
}

/** The kinds of a switch that globs name; whoever writes "*" takes what there is. */
function announcedBy(prefix: string, globs: readonly string[]): readonly Kind[] {
  const named = globs.filter((glob) => glob !== "*");
  return KINDS.filter((kind) => kind.startsWith(prefix) && isAnnounced(kind) && isOfKind(kind, named));
}

/** What of MISP is not heard of that routes name, or that guards need. */
export function unheardOf(
  states: readonly NotificationState[],
  instance: string,
  { routes }: Pick<Config, "routes">,
): readonly Trouble[] {
  const off = new Set(states.filter(({ on }) => !on).map(({ setting }) => setting));
  if (off.has(MASTER)) {
    return [{ severity: "error", message: "MISP publishes no feed at all", hint: `switch on ${MASTER} in MISP` }];
  }
  const named = routes.filter((route) => mayComeFrom(route)(instance)).flatMap(({ kinds }) => kinds);
  return SWITCHES.filter(({ setting }) => off.has(setting)).flatMap(({ setting, kinds, without }): Trouble[] => {
    const missed = announcedBy(kinds, named);
    const hint = `switch on ${setting} in MISP`;
    const message = [
      ...(missed.length > 0 ? [`MISP does not announce ${missed.join(", ")}, which routes name`] : []),
      ...(without === undefined ? [] : [without]),
    ].join("; ");
    return message === "" ? [] : [{ severity: "warning", message, hint }];
  });
}

/** A publication needs no switch of its own. */
function isAnnounced(kind: Kind): boolean {
  return kind !== "event.published";
}
