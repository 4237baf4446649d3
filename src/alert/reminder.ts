import type { Entry } from "../model/payload.ts";
import { formatInstant, type Style } from "./style.ts";
import { type CleanText, clean, formatNumber, join } from "./text.ts";

/** Stands before the title of what is told again, or to others, because nobody has acknowledged it. */
export function remindPrefix({ reminder }: Pick<Entry, "reminder">): CleanText | undefined {
  return reminder && clean(reminder.escalatedFrom === undefined ? "Reminder" : "Not acknowledged");
}

/** `Reminder 1 of 3`. */
export function formatRemindState({ reminder }: Pick<Entry, "reminder">): CleanText | undefined {
  if (!reminder) {
    return undefined;
  }
  const { n, of, escalatedFrom } = reminder;
  return clean(
    escalatedFrom === undefined
      ? `Reminder ${formatNumber(n)} of ${formatNumber(of)}`
      : `Not acknowledged after ${formatNumber(n)} ${n === 1 ? "reminder" : "reminders"} to ${escalatedFrom}`,
  );
}

/** Since when nobody has acknowledged it, and how somebody does. */
export function formatRemindNotice(entry: Entry, style: Style): CleanText | undefined {
  const { reminder } = entry;
  if (!reminder) {
    return undefined;
  }
  const since = formatInstant(reminder.since, style);
  const name = acknowledgeable(entry);
  const parts = [
    clean(`Nobody has acknowledged it${since === undefined ? "" : ` since it was told, ${since}`}`),
    ...(name === undefined ? [] : [clean(`misp-herald ack ${name}`)]),
  ];
  return join(parts, " · ");
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What `misp-herald ack` takes; text that people copy into a shell is nothing but an id. Of a pointer only what its link has. */
function acknowledgeable({ guarded: { form, alert }, link }: Entry): string | undefined {
  const { event, instance } = alert;
  if (form === "pointer" && !link) {
    return undefined;
  }
  if (form !== "pointer" && event?.id !== undefined && /^\d{1,20}$/.test(event.id)) {
    return `${instance}:${event.id}`;
  }
  return event?.uuid !== undefined && UUID.test(event.uuid) ? event.uuid : undefined;
}
