import type { TestPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import type { Received } from "./daemon.ts";

const { Event: PUBLISHED } = sample("misp_json--publish-first-time").payload as {
  readonly Event: Readonly<Record<string, unknown>>;
};

/** The UUID of the event with that number. */
export function uuidOf(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
}

/** Publishes the event with that number. */
export function publish(publisher: TestPublisher, n: number): Promise<void> {
  return publisher.send("misp_json", { Event: { ...PUBLISHED, id: String(n), uuid: uuidOf(n) } });
}

/** The events that a webhook was told of, in order. */
export function told(received: readonly Received[]): readonly string[] {
  return received.flatMap(({ body }) => body.entries.flatMap(({ event }) => event?.uuid ?? []));
}
