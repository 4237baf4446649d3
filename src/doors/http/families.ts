/** What one metric is. */
export interface Family {
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
}

/** Every metric, by its name; docs/metrics.md is held in step by a test. */
export const FAMILIES = {
  misp_herald_build_info: gauge("Always 1; what is running", "version", "node"),
  misp_herald_stuck_loops: gauge("Loops that do not turn any more; /healthz names them"),
  misp_herald_event_loop_delay_p50_seconds: gauge("Delay of the event loop since the scrape before, median"),
  misp_herald_event_loop_delay_p99_seconds: gauge("Delay of the event loop since the scrape before, 99th percentile"),
  misp_herald_event_loop_delay_max_seconds: gauge("Delay of the event loop since the scrape before, longest"),

  misp_herald_config_info: gauge("Always 1; the first digits of the SHA-256 of the configuration in force", "digest"),
  misp_herald_config_last_reload_successful: gauge(
    "1 while the configuration that was read last is in force, 0 while it is refused",
  ),
  misp_herald_config_last_reload_success_timestamp_seconds: gauge("When the configuration in force was accepted"),

  misp_herald_feed_connected: gauge("1 while connected to this endpoint of the feed, else 0", "misp", "endpoint"),
  misp_herald_feed_silent: gauge("1 while nothing has come for silent_after, else 0", "misp"),
  misp_herald_feed_last_frame_timestamp_seconds: gauge("When the newest frame came; absent before the first", "misp"),
  misp_herald_feed_frames_total: counter("Frames taken from the feed", "misp", "topic"),
  misp_herald_feed_frames_skipped_total: counter(
    "Frames that were not read, because nothing in them can matter to a route or to what is remembered",
    "misp",
    "topic",
  ),
  misp_herald_feed_frames_refused_total: counter(
    "Frames above max_frame, or that take too much memory to read",
    "misp",
    "topic",
  ),
  misp_herald_feed_frames_dropped_total: counter("Frames that the full queue had no room for", "misp", "topic"),
  misp_herald_frames_unreadable_total: counter("Frames that are not what their topic promises"),
  misp_herald_messages_total: counter("Messages by what happened; `none` has nothing that a rule may match", "kind"),
  misp_herald_route_matches_total: counter(
    "Messages that a route matches for sure (true), or may match as far as is known (unknown)",
    "route",
    "truth",
  ),

  misp_herald_silences: gauge("Silences that are in force; misp-herald silence list names them"),

  misp_herald_undecided_messages: gauge("Messages that wait until MISP has been asked", "misp"),
  misp_herald_api_key_refused: gauge("1 while MISP refuses the API key, else 0; absent without api_key", "misp"),
  misp_herald_unconfirmed_publications_total: counter(
    "Publications that were told without MISP's word that they are published",
    "misp",
  ),
  misp_herald_late_publications_total: counter("Publications that the feed did not tell and reconcile found", "misp"),
  misp_herald_reconcile_last_success_timestamp_seconds: gauge(
    "When MISP last told all that it published; 0 before the first time, absent without api_key",
    "misp",
  ),

  misp_herald_deliveries_refused_total: counter("Alerts that a guard refused", "destination", "reason"),
  misp_herald_deliveries_suppressed_total: counter(
    "Alerts that were not told again (already-told), or not at all: an operator (dropped-by-operator), a silence (silenced), quiet hours (quiet-hours) or, of a reminder, an acknowledgement (acknowledged) said so",
    "destination",
    "reason",
  ),
  misp_herald_deliveries_withdrawn_total: counter(
    "Alerts that MISP took back before they left",
    "destination",
    "reason",
  ),
  misp_herald_deliveries_delivered_total: counter(
    "Alerts that arrived (sent), or were accepted without proof (unproven)",
    "destination",
    "outcome",
  ),
  misp_herald_deliveries_dead_total: counter("Alerts that will not be delivered any more", "destination", "reason"),
  misp_herald_deliveries_owed: gauge("Alerts that are owed and not delivered yet", "destination"),
  misp_herald_next_due_timestamp_seconds: gauge(
    "When something leaves next, a reminder among it; absent where nothing waits",
    "destination",
  ),
  misp_herald_oldest_owed_seconds: gauge("For how long the oldest has been owed; 0 when nothing is", "destination"),
  misp_herald_last_delivery_timestamp_seconds: gauge(
    "When something was delivered last; absent if never, as far as the record goes back",
    "destination",
  ),
  misp_herald_attempts_failed_total: counter("Attempts that failed, by what follows from it", "destination", "class"),
  misp_herald_attempt_duration_seconds: histogram("How long attempts took, also those that failed", "destination"),
  misp_herald_destination_info: gauge("Always 1; the type of a configured destination", "destination", "type"),
  misp_herald_destination_paused: gauge("1 while an operator has paused it, else 0", "destination"),
  misp_herald_destination_pause_end_timestamp_seconds: gauge(
    "When its pause ends by itself; absent where there is none, or it has no end",
    "destination",
  ),
  misp_herald_deliveries_collected: gauge(
    "Alerts that wait for a digest, until quiet hours end, or behind a flood, and reminders that wait for their time; of a flood that is on there is a line also while there are none",
    "destination",
    "in",
  ),
  misp_herald_reminders_total: counter(
    "Reminders that were sent (reminder), and what others were told because nobody had acknowledged (escalation)",
    "destination",
    "what",
  ),
  misp_herald_deliveries_silenced: gauge("Alerts that are owed once a silence has ended", "destination"),
  misp_herald_messages_to_change: gauge(
    "Messages it was sent that are to be changed: some may show what their readers are not to see any more (hide), others lack what was told since (update)",
    "destination",
    "to",
  ),
  misp_herald_oldest_change_seconds: gauge(
    "For how long the oldest of those messages has been to be changed; 0 when none is",
    "destination",
  ),
  misp_herald_destination_suspended: gauge("1 while it refuses us, else 0", "destination"),

  misp_herald_state_rows_damaged_total: counter("Rows of the state file that could not be read and were set aside"),
  misp_herald_state_writable: gauge("1 while the state file can be written, else 0; tried every 5 s at most"),
  misp_herald_state_used_bytes: gauge("What is in use of the state file; beyond the limit it loses the oldest"),
  misp_herald_state_file_bytes: gauge("What the state file takes on the disk, without its log of the last changes"),
  misp_herald_state_limit_bytes: gauge("state.max_size"),

  process_cpu_seconds_total: counter("CPU time, user and system"),
  process_resident_memory_bytes: gauge("Resident memory"),
  process_start_time_seconds: gauge("When the process was started"),
  process_open_fds: gauge("Open file descriptors"),
  process_max_fds: gauge("File descriptors that may be open at most"),
} as const satisfies Readonly<Record<string, Family>>;
export type FamilyName = keyof typeof FAMILIES;

function counter(help: string, ...labels: readonly string[]): Family {
  return { type: "counter", labels, help };
}

function gauge(help: string, ...labels: readonly string[]): Family {
  return { type: "gauge", labels, help };
}

function histogram(help: string, ...labels: readonly string[]): Family {
  return { type: "histogram", labels, help };
}
