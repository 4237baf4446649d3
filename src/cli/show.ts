import { defangText, defangValue } from "../alert/defang.ts";
import { type CleanText, clean, formatCount, truncate } from "../alert/text.ts";
import type { Message } from "../model/message.ts";
import type { Rules } from "../planning/plan.ts";
import { departureOf, describeDeparture } from "./departure.ts";
import { describeRefusal, describeShown, describeVerdicts, verdictsOf } from "./verdicts.ts";
import type { WatchedFrame } from "./watch.ts";

const MAX_TEXT = 80;

/** One frame in one line, and below it what the rules would do; safe on a terminal whatever MISP says. */
export function showSeen(
  { frame, message, problem, trace, owed }: WatchedFrame,
  color: boolean,
  rules?: Rules,
): string {
  const time = new Date(frame.receivedAt).toISOString().slice(11, 19);
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const head = `${paint(2, time)}  ${clean(frame.instance)}  `;
  if (!message) {
    const topic = truncate(clean(frame.topic || "(no topic)", 64), 40);
    return `${head}${paint(problem ? 31 : 2, problem ? `${topic}: ${problem}` : topic)}`;
  }
  const kind = trace?.kind ?? message.kind ?? "(remembered)";
  const lines = [`${head}${paint(36, kind.padEnd(18))} ${what(message)}${trace?.stale ? paint(33, "  (stale)") : ""}`];
  if (trace && rules) {
    const canAsk = rules.asks?.has(message.instance) ?? false;
    lines.push(...describeVerdicts(verdictsOf(trace, rules), canAsk).map((line) => `          ${line}`));
  }
  for (const destination of trace?.destinations ?? []) {
    const { name, routes, verdict, delivery } = destination;
    const shown = rules ? describeShown(destination) : "";
    const line = rules && delivery && owed?.get(delivery);
    const via = routes.length > 0 ? ` by ${routes.join(", ")}` : "";
    if (verdict === "owed") {
      lines.push(`          ${paint(32, "→")} ${name}${via}${shown}${line ? `: ${describeDeparture(line)}` : ""}`);
    } else {
      lines.push(`          ${paint(33, "✗")} ${name}${via}: ${rules ? describeRefusal(destination, rules) : verdict}`);
    }
  }
  for (const { name, delivery } of trace?.withdrawals ?? []) {
    const line = rules && owed?.get(delivery);
    lines.push(
      `          ${paint(32, "→")} ${name}, which was told of it: withdrawn${line ? `, ${describeDeparture(line)}` : ""}`,
    );
  }
  return lines.join("\n");
}

/** One frame as a JSON line; characters that a terminal obeys are escaped. */
export function jsonSeen({ frame, message, problem, trace, owed }: WatchedFrame, rules?: Rules): string {
  const line = {
    received_at: new Date(frame.receivedAt).toISOString(),
    instance: frame.instance,
    topic: frame.topic,
    ...(problem !== undefined && { problem }),
    ...(message && {
      kind: trace?.kind ?? message.kind ?? null,
      subject: message.subject,
      event: message.event ?? null,
      attributes: message.attributes.slice(0, 20),
      attribute_count: message.attributes.length,
      ...(message.tag && { tag: message.tag }),
      ...(message.sighting && { sighting: message.sighting }),
      ...(message.lines.length > 0 && { lines: message.lines }),
    }),
    ...(trace && {
      stale: trace.stale,
      routes: trace.routes,
      ...(rules && { verdicts: verdictsOf(trace, rules) }),
      destinations: trace.destinations.map(({ name, routes, verdict, guarded, delivery, reason, silence }) => {
        const line = rules && delivery && owed?.get(delivery);
        return {
          name,
          routes,
          verdict,
          ...(reason !== undefined && { reason }),
          ...(silence !== undefined && { silence }),
          ...(rules && guarded && { form: guarded.form, withheld: guarded.withheld }),
          ...(line && { leaves: departureOf(line) }),
        };
      }),
      ...(trace.withdrawals && {
        withdrawals: trace.withdrawals.map(({ name, delivery }) => {
          const line = rules && owed?.get(delivery);
          return { name, ...(line && { leaves: departureOf(line) }) };
        }),
      }),
    }),
  };
  return escapeControls(JSON.stringify(line));
}

/** JSON leaves C1 controls and bidi marks as they are; a terminal obeys them. */
export function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** A payload as a terminal may show it: of all that a terminal obeys, line ends and tabs are left. */
export function escapeTerminal(text: string): string {
  return escapeControls(
    text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]|\r(?!\n)/g, (char) => {
      return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
    }),
  );
}

function what(message: Message): string {
  const { event, attributes, objects, tag, sighting, lines, subject } = message;
  const parts: CleanText[] = [];
  const attribute = attributes[0];
  if (message.kind === "event.published") {
    parts.push(formatCount(attributes.length, "attribute"));
  } else if (attribute) {
    const value = truncate(defangValue(attribute.type ?? "text", clean(attribute.value ?? "", MAX_TEXT * 4)), MAX_TEXT);
    parts.push(clean(`${attribute.type ?? "attribute"} ${value}`));
  }
  if (tag) {
    parts.push(clean(`${prose(tag.name)}${tag.on ? ` on ${tag.on} ${tag.attributeId ?? event?.id ?? ""}` : ""}`));
  }
  if (sighting) {
    parts.push(clean([sighting.type, sighting.source && `by ${prose(sighting.source)}`].filter(Boolean).join(" ")));
  }
  if (subject.type === "object" && objects[0]?.name) {
    parts.push(prose(objects[0].name));
  }
  if (event?.info) {
    parts.push(prose(event.info));
  } else if (event?.id) {
    parts.push(clean(`event ${event.id}`));
  }
  if (event?.org?.name) {
    parts.push(prose(event.org.name));
  }
  for (const { label, text } of lines.slice(0, 3)) {
    parts.push(clean(`${label}: ${prose(text)}`));
  }
  return parts.join(" · ");
}

function prose(text: string): CleanText {
  return truncate(defangText(clean(text, MAX_TEXT * 4)), MAX_TEXT);
}
