const VOID = new Set(["meta", "br"]);

/** What mail programs draw without a warning; there is no other markup in our mails. */
const TAGS = new Set("html head meta title style body div table tr td th h1 h2 span strong em a br".split(" "));
const ATTRIBUTES = new Set(
  "lang charset name content class style role cellpadding cellspacing border width height bgcolor align valign scope dir href".split(
    " ",
  ),
);

/**
 * Problems of a mail's HTML by the rules that Gmail, Outlook and Apple Mail share: balanced, only known tags and attributes,
 * nothing remote, links only to what begins with one of `origins`, and below the size that Gmail cuts at.
 */
export function checkMailHtml(html: string, origins: readonly string[]): readonly string[] {
  const problems: string[] = [];
  const open: string[] = [];
  const bare = html
    .replace(/^<!doctype html>\n/, "")
    .replace(/<!--\[if mso\]>[\s\S]*?<!\[endif\]-->/g, "")
    .replace(/(<style>)[\s\S]*?(<\/style>)/, "$1$2");
  for (const [tag, closing, name = "", attributes = ""] of bare.matchAll(/<(\/?)([A-Za-z0-9]+)((?:\s[^<>]*)?)>/g)) {
    if (!TAGS.has(name)) {
      problems.push(`tag ${name}`);
    }
    if (closing) {
      if (open.pop() !== name) {
        problems.push(`closes ${name} out of order`);
      }
      continue;
    }
    if (!VOID.has(name)) {
      open.push(name);
    }
    const rest = attributes.replace(/\s([a-z]+)="([^"<>]*)"/g, (_, key: string, value: string) => {
      if (!ATTRIBUTES.has(key)) {
        problems.push(`attribute ${key} in ${tag}`);
      }
      if (key === "href" && !origins.some((origin) => value.startsWith(origin))) {
        problems.push(`link ${value}`);
      }
      if (key === "style" && /url|expression|import|behavior|position|[{}<>\\]/i.test(value)) {
        problems.push(`style ${value}`);
      }
      return "";
    });
    if (rest.trim() !== "") {
      problems.push(`broken attributes ${rest}`);
    }
  }
  if (open.length > 0) {
    problems.push(`open at the end: ${open.join(" ")}`);
  }
  if (/<(?![/A-Za-z])|<[^>]*</.test(bare)) {
    problems.push("a stray <");
  }
  if (/&(?!(amp|lt|gt|quot|nbsp|middot|#39);)/.test(bare)) {
    problems.push("a stray &");
  }
  const text = bare.replace(/<[^>]*>/g, " ");
  if (/\bhttps?:\/\/|\bwww\./i.test(text)) {
    problems.push("a live address in the text");
  }
  if (/@import|url\(/i.test(html)) {
    problems.push("a style that fetches");
  }
  if (Buffer.byteLength(html) > 102_000) {
    problems.push("longer than Gmail shows");
  }
  return [...new Set(problems)];
}
