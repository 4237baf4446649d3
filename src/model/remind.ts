/** How the readers of an alert are reminded of it until somebody acknowledges its event. */
export interface RemindRules {
  /** So long after they were told, and after each reminder. */
  readonly afterMs: number;
  /** How many reminders at most. */
  readonly times: number;
  /** Destinations that are told after the last one. */
  readonly escalate: readonly string[];
}

/** What a delivery reminds of. */
export interface Reminder {
  /** Which it is, from 1; of one that tells somebody else, how many there were. */
  readonly n: number;
  readonly of: number;
  /** When the readers were told first. */
  readonly since: number;
  /** The destination where nobody has acknowledged it, where these are other readers. */
  readonly escalatedFrom?: string;
}

/** That somebody looks after an event: of what was told of it before, nobody is reminded. */
export interface Acknowledgement {
  readonly instance: string;
  readonly eventUuid: string;
  readonly at: number;
  /** As they named themselves, or as a channel names them. */
  readonly by: string;
}
