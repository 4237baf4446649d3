import { createHmac, randomBytes } from "node:crypto";
import { z } from "zod";
import type { Log } from "../base/log.ts";
import { Secret } from "../base/secret.ts";
import type { Needless, Source } from "../model/frame.ts";
import type { FrameName } from "../model/frame-name.ts";

/** What a source is given when it is opened; opening does no I/O. */
export interface SourceContext {
  readonly instance: string;
  readonly log: Log;
  readonly now: () => number;
  /** Called when the feed falls silent, with when it spoke last, and when frames arrive again. */
  readonly onSilence?: (silent: boolean, sinceAt: number) => void;
  /** The feed in whose place this one is has said nothing since then, which has been told. */
  readonly silentSince?: number;
  /** Called when it is connected again, and when frames were dropped: something may have been missed. */
  readonly onGap?: () => void;
  /** Called for each frame that is too large to be read. */
  readonly onRefused?: (frame: RefusedFrame) => void;
}

/** A frame that is too large to be read, in our own words. */
export interface RefusedFrame extends FrameName {
  readonly topic: string;
  readonly bytes: number;
  /** It is larger than `max_frame`, or takes more memory to read than one frame may. */
  readonly reason: "size" | "memory";
}

/** How a source is doing, for status, metrics and health; counted since it was opened. */
export interface SourceStatus {
  readonly received: number;
  /** Frames that the full queue had no room for; topics that MISP does not have count as `other`. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Frames that could not matter, by topic: they were counted and not read. */
  readonly skipped: Readonly<Record<string, number>>;
  /** Frames that were too large to be read, by topic. */
  readonly refused: Readonly<Record<string, number>>;
  readonly endpoints: readonly EndpointStatus[];
  readonly lastFrameAt?: number;
  /** Nothing arrived for `silent_after`; since when. */
  readonly silentSince?: number;
}

/** One address of a feed; `trouble` is why it is not connected, once that is known. */
export interface EndpointStatus {
  readonly endpoint: string;
  readonly connected: boolean;
  readonly trouble?: { readonly reason: string; readonly hint?: string };
}

/** A source that lasts, and can be asked how it is. */
export interface LiveSource extends Source {
  status(): SourceStatus;
  /** From now on these frames need not be yielded. They count as received, and say that the feed is alive. */
  spare(needless: Needless): void;
}

/** A parsed `feed:` entry; the options of its type are inside `open`. */
export interface ConfiguredSource {
  readonly type: string;
  /** The same for the same options, secrets included; tells nothing of them. */
  readonly fingerprint: string;
  open(context: SourceContext): LiveSource;
}

/** Makes the schema of one source type: `shape` are its options, `check` judges them together, `open` gets the parsed ones. */
export function defineSource<const Type extends string, Shape extends z.ZodRawShape>(definition: {
  readonly type: Type;
  readonly shape: Shape;
  readonly check?: (
    options: z.output<z.ZodObject<Shape>>,
  ) => { readonly path: string; readonly message: string } | undefined;
  readonly open: (options: z.output<z.ZodObject<Shape>>, context: SourceContext) => LiveSource;
}) {
  return z
    .strictObject({ type: z.literal(definition.type).describe("What it is."), ...definition.shape })
    .transform((parsed, context): ConfiguredSource => {
      const options = parsed as unknown as z.output<z.ZodObject<Shape>>;
      const problem = definition.check?.(options);
      if (problem) {
        context.addIssue({ code: "custom", path: [problem.path], message: problem.message });
      }
      return {
        type: definition.type,
        fingerprint: fingerprintOf(parsed),
        open: (opened) => definition.open(options, opened),
      };
    });
}

/** A hash without a key would give a weak password away. */
const KEY = randomBytes(32);

function fingerprintOf(options: unknown): string {
  const text = JSON.stringify(options, function (this: unknown, key, value: unknown) {
    const original: unknown = typeof this === "object" && this !== null ? Reflect.get(this, key) : value;
    return original instanceof Secret ? original.reveal() : value;
  });
  return createHmac("sha256", KEY).update(text).digest("hex");
}

/** MISP's names are far shorter; a frame of megabytes without a space must not become a topic of megabytes. */
const MAX_TOPIC_BYTES = 256;

/** Takes off MISP's envelope, `topic SPACE json` (mispzmq.py); without a space all of it is payload. */
export function splitFrame(bytes: Uint8Array): { readonly topic: string; readonly payload: Uint8Array } {
  const space = bytes.subarray(0, MAX_TOPIC_BYTES).indexOf(0x20);
  if (space < 0) {
    return { topic: "", payload: bytes };
  }
  return { topic: Buffer.from(bytes.subarray(0, space)).toString("utf8"), payload: bytes.subarray(space + 1) };
}
