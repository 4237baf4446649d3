/** How a channel finds a message of its own again; nobody else reads it. */
export type PostRef = Readonly<Record<string, string>>;

/** Why readers must not rely any more on what they were told of an event; `restricted`: they may not see it any more. */
export type WithdrawalReason = "deleted" | "unpublished" | "restricted";

/** Names an event, as a destination was told of it. */
export interface EventName {
  readonly instance: string;
  readonly eventUuid: string;
}

/** What has become of an event since a destination was told of it first. */
export interface EventProgress {
  readonly firstAt: number;
  readonly updates: number;
  /** When it was updated last, and by how much, where that is known. */
  readonly updatedAt?: number;
  readonly added?: number;
  readonly changed?: number;
  readonly removed?: number;
  readonly sightings: number;
  /** Who looks after it since then, by what was told before. */
  readonly acknowledged?: { readonly by: string; readonly at: number };
}
