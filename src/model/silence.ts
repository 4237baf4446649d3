import type { Group, RecordLine } from "./outbox.ts";

/** What an operator does not want to be told for a while. All that is given holds; an empty list asks for nothing. */
export interface Silence {
  readonly id: string;
  readonly createdAt: number;
  readonly until: number;
  /** The operator, as they named themselves. */
  readonly by: string;
  /** In the operator's words. */
  readonly reason: string;
  /** Conditions in the language of routes, as they were given; all of them hold. */
  readonly match: readonly object[];
  /** Any of these events: by its UUID within an instance, or by a number where nothing more is known of it. */
  readonly events: readonly { readonly instance?: string; readonly uuid?: string; readonly id?: string }[];
  readonly routes: readonly string[];
  readonly destinations: readonly string[];
  /** `digest`: what it holds is owed, and leaves together when it ends. */
  readonly afterwards: "nothing" | "digest";
  /** Who has changed it since, oldest first. */
  readonly changes: readonly { readonly at: number; readonly by: string; readonly what: "extended" | "removed" }[];
}

/** A silence, and how much is behind it. */
export interface SilenceState extends Silence {
  /** Settled as muted by it. */
  readonly muted: number;
  /** How much is owed to whom once it ends. */
  readonly held: readonly { readonly destination: string; readonly n: number }[];
}

/** The key of the group in which what a silence holds waits for its end. */
export function silenceKey(id: string): string {
  return JSON.stringify(["silence", id]);
}

const KEY = /^\["silence","([\w-]+)"\]$/;

/** The silence that holds what waits in a group; undefined: none does. */
export function silenceOf(groupKey: string): string | undefined {
  return KEY.exec(groupKey)?.[1];
}

/** Where what a silence holds waits; the time counts for the first that does. */
export function silenceGroup({ id, until }: Silence, now: number): Group {
  return { key: silenceKey(id), waitMs: Math.max(0, until - now), intervalMs: 0, show: 20 };
}

/** How a delivery ends that is muted by a silence. */
export function mutedBy({ id, by }: Silence): Pick<RecordLine, "outcome" | "reason" | "silence" | "by"> {
  return { outcome: "muted", reason: "silenced", silence: id, by };
}
