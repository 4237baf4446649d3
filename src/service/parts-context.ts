import type { Writable } from "node:stream";
import type { Notices } from "../absorbing/notices.ts";
import type { Observer } from "../absorbing/observer.ts";
import type { Parts } from "../app.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Config } from "../config/schema.ts";
import type { LiveSource } from "../sources/source.ts";

/** What the parts are opened with. */
export interface PartsContext {
  readonly log: Log;
  readonly clock: Clock;
  /** Where destinations of type `console` write. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Where the parts say what people should know of themselves; absent: only in the log. */
  readonly notices?: Notices;
  /** Sees what they do. */
  readonly observer?: Observer;
  /** Called when the feed of an instance may have told something that was not heard. */
  readonly gap?: (instance: string) => void;
  /** Called when publications were told without MISP's word. */
  readonly unconfirmed?: (instance: string, n: number) => void;
  /** Called when MISP has told all that it published, with how much of that the feed had not. */
  readonly reconciled?: (instance: string, late: number) => void;
}

/** What was opened for one configuration, when the next one comes. */
export interface PreviousParts {
  readonly config: Config;
  readonly sources: readonly LiveSource[];
  readonly parts: Parts;
}
