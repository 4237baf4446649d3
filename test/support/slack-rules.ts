// Slack's published rules for messages, written down a second time, from its documentation and not from our code:
// docs.slack.dev/reference/block-kit/blocks, /block-elements, /composition-objects, /methods/chat.postMessage.

type Json = Readonly<Record<string, unknown>>;

/** Everything wrong with a message, each with a JSON pointer as Slack gives it; empty for one that Slack takes. */
export function findViolations(message: Json): readonly string[] {
  const found: string[] = [];
  const say = (at: string, what: string) => void found.push(`${what} [json-pointer:${at}]`);

  const record = (value: unknown, at: string): Json => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Json;
    }
    say(at, "must be an object");
    return {};
  };
  const list = (value: unknown, at: string, min: number, max: number): readonly unknown[] => {
    if (!Array.isArray(value)) {
      say(at, "must be a list");
      return [];
    }
    if (value.length < min || value.length > max) {
      say(at, `must have ${min} to ${max} entries`);
    }
    return value;
  };
  const text = (value: unknown, at: string, max: number): string => {
    if (typeof value !== "string") {
      say(at, "must be text");
      return "";
    }
    if (value === "" || value.length > max) {
      say(at, `must be 1 to ${max} characters`);
    }
    if (/\p{Surrogate}/u.test(value)) {
      say(at, "is no Unicode");
    }
    return value;
  };
  const keys = (object: Json, allowed: string, at: string) => {
    for (const key of Object.keys(object)) {
      if (!allowed.split(" ").includes(key)) {
        say(at, `has no field ${key}`);
      }
    }
  };
  const url = (value: unknown, at: string) => {
    if (!/^https?:\/\//.test(text(value, at, 3000))) {
      say(at, "must be a URL");
    }
  };

  const textObject = (value: unknown, at: string, types: readonly string[], max: number) => {
    const object = record(value, at);
    if (!types.includes(String(object.type))) {
      say(`${at}/type`, "is no text object for this place");
    }
    keys(object, object.type === "plain_text" ? "type text emoji" : "type text verbatim", at);
    text(object.text, `${at}/text`, max);
  };
  const button = (value: unknown, at: string) => {
    const element = record(value, at);
    keys(element, "type action_id text url value style accessibility_label confirm", at);
    if (element.type !== "button") {
      say(`${at}/type`, "must be a button");
    }
    textObject(element.text, `${at}/text`, ["plain_text"], 75);
    text(element.action_id, `${at}/action_id`, 255);
    if (element.url !== undefined) {
      url(element.url, `${at}/url`);
    }
    if (!["primary", "danger", undefined].includes(element.style as string)) {
      say(`${at}/style`, "is no style");
    }
  };
  const rich = (value: unknown, at: string, types: readonly string[]) => {
    const element = record(value, at);
    if (!types.includes(String(element.type))) {
      say(`${at}/type`, "is no element for this place");
    }
    const style = element.style === undefined ? {} : record(element.style, `${at}/style`);
    keys(style, "bold italic strike code underline", `${at}/style`);
    if (element.type === "text") {
      keys(element, "type text style", at);
      text(element.text, `${at}/text`, 3000);
    } else if (element.type === "link") {
      keys(element, "type url text style unsafe", at);
      url(element.url, `${at}/url`);
      text(element.text, `${at}/text`, 3000);
    }
  };
  const richSection = (element: Json, at: string) => {
    if (element.type !== "rich_text_section") {
      say(`${at}/type`, "is not known");
    }
    keys(element, "type elements", at);
    for (const [i, run] of list(element.elements, `${at}/elements`, 1, 1000).entries()) {
      rich(run, `${at}/elements/${i}`, ["text", "link"]);
    }
  };
  const blocks = (value: unknown, at: string, min: number) => {
    for (const [i, one] of list(value, at, min, 50).entries()) {
      const here = `${at}/${i}`;
      const block = record(one, here);
      switch (block.type) {
        case "header":
          keys(block, "type block_id text", here);
          textObject(block.text, `${here}/text`, ["plain_text"], 150);
          break;
        case "section":
          keys(block, "type block_id text fields accessory expand", here);
          textObject(block.text, `${here}/text`, ["plain_text", "mrkdwn"], 3000);
          if (block.accessory !== undefined) {
            button(block.accessory, `${here}/accessory`);
          }
          break;
        case "context":
          keys(block, "type block_id elements", here);
          for (const [k, element] of list(block.elements, `${here}/elements`, 1, 10).entries()) {
            textObject(element, `${here}/elements/${k}`, ["plain_text", "mrkdwn"], 3000);
          }
          break;
        case "actions":
          keys(block, "type block_id elements", here);
          for (const [k, element] of list(block.elements, `${here}/elements`, 1, 25).entries()) {
            button(element, `${here}/elements/${k}`);
          }
          break;
        case "rich_text":
          keys(block, "type block_id elements", here);
          for (const [k, child] of list(block.elements, `${here}/elements`, 1, 100).entries()) {
            const place = `${here}/elements/${k}`;
            const element = record(child, place);
            if (element.type !== "rich_text_list") {
              richSection(element, place);
              continue;
            }
            keys(element, "type style indent offset border elements", place);
            if (element.style !== "bullet" && element.style !== "ordered") {
              say(`${place}/style`, "must be bullet or ordered");
            }
            for (const [m, item] of list(element.elements, `${place}/elements`, 1, 1000).entries()) {
              richSection(record(item, `${place}/elements/${m}`), `${place}/elements/${m}`);
            }
          }
          break;
        default:
          say(`${here}/type`, "is no block that every workspace knows");
      }
    }
  };

  keys(message, "channel text blocks attachments unfurl_links unfurl_media metadata", "");
  text(message.text, "/text", 40_000);
  blocks(message.blocks, "/blocks", 1);
  for (const [i, one] of list(message.attachments ?? [], "/attachments", 0, 100).entries()) {
    const attachment = record(one, `/attachments/${i}`);
    // With blocks, any other old field is an error (slackapi/bolt-js#717).
    keys(attachment, "color blocks", `/attachments/${i}`);
    if (!/^#[0-9A-Fa-f]{6}$/.test(String(attachment.color))) {
      say(`/attachments/${i}/color`, "must be #rrggbb");
    }
    blocks(attachment.blocks, `/attachments/${i}/blocks`, 1);
  }
  if (message.unfurl_links !== false || message.unfurl_media !== false) {
    say("/unfurl_links", "must be switched off");
  }
  if (charactersOf([message.blocks, message.attachments]) > 13_200) {
    say("/blocks", "msg_blocks_too_long");
  }
  if (message.metadata !== undefined) {
    const { event_type, event_payload, ...others } = record(message.metadata, "/metadata");
    keys(others, "", "/metadata");
    if (!/^[a-z_]{1,100}$/.test(String(event_type))) {
      say("/metadata/event_type", "is no name");
    }
    keys(record(event_payload, "/metadata/event_payload"), "batch event_uuid", "/metadata/event_payload");
  }
  return found;
}

/** All that people read of blocks, and the addresses behind it. */
function charactersOf(value: unknown): number {
  if (Array.isArray(value)) {
    return value.reduce((sum: number, entry) => sum + charactersOf(entry), 0);
  }
  if (typeof value !== "object" || value === null) {
    return 0;
  }
  return Object.entries(value).reduce(
    (sum, [key, entry]) =>
      sum + (typeof entry === "string" ? (key === "text" || key === "url" ? entry.length : 0) : charactersOf(entry)),
    0,
  );
}

/** Texts of a message by what Slack does with them. */
export interface Texts {
  /** Parsed for mentions, links and formats. */
  readonly parsed: readonly string[];
  /** Shown as they are. */
  readonly literal: readonly string[];
  readonly urls: readonly string[];
}

/** Takes a message apart. */
export function textsOf(message: Json): Texts {
  const parsed: string[] = [String(message.text)];
  const literal: string[] = [];
  const urls: string[] = [];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const entry of value) {
        walk(entry);
      }
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return;
    }
    const object = value as Json;
    if (typeof object.text === "string") {
      const isLiteral = ["text", "link"].includes(String(object.type)) || object.type === "plain_text";
      (isLiteral ? literal : parsed).push(object.text);
      if (object.type === "plain_text" && object.emoji !== false) {
        throw new Error("Emoji would be drawn");
      }
    }
    if (typeof object.url === "string") {
      urls.push(object.url);
    }
    for (const entry of Object.values(object)) {
      walk(entry);
    }
  };
  walk([message.blocks, message.attachments]);
  return { parsed, literal, urls };
}

/** A time that Slack tells in the reader's zone, which is all that a context may have parsed. */
export const TIME_LINE = /^(?:published|received) <!date\^\d{1,11}\^\{date_short_pretty\} \{time\}\|[\w: +-]{1,40}>$/;

/** What acts in a parsed text: `<…>` sequences. */
export function activeIn(text: string): readonly string[] {
  return text.match(/<[^>]*>?/g) ?? [];
}
