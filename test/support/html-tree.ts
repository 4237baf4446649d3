/** An element of a mail's HTML; text stands in `children`, with its entities. */
export interface HtmlElement {
  readonly tag: string;
  readonly style: string;
  readonly children: (HtmlElement | string)[];
}

const VOID: ReadonlySet<string> = new Set(["meta", "br"]);

/** Reads the HTML of our mails, which is balanced (test/support/mail-html.ts); comments and doctype are left out. */
export function parseHtml(html: string): HtmlElement {
  const root: HtmlElement = { tag: "", style: "", children: [] };
  const open = [root];
  const bare = html.replace(/<!--[\s\S]*?-->|<!doctype[^>]*>/gi, "");
  for (const [, closing, tag = "", attributes = "", text = ""] of bare.matchAll(
    /<(\/?)([a-z0-9]+)((?:\s[^<>]*)?)>|([^<]+)/gi,
  )) {
    const parent = open.at(-1) ?? root;
    if (text !== "") {
      parent.children.push(text);
    } else if (closing) {
      open.pop();
    } else {
      const element = { tag, style: /\sstyle="([^"]*)"/.exec(attributes)?.[1] ?? "", children: [] };
      parent.children.push(element);
      if (!VOID.has(tag)) {
        open.push(element);
      }
    }
  }
  return root;
}

/** Every text in it with the elements that it stands in, outermost first. */
export function* textsIn(
  element: HtmlElement,
  around: readonly HtmlElement[] = [],
): Generator<{ readonly text: string; readonly around: readonly HtmlElement[] }> {
  const path = [...around, element];
  for (const child of element.children) {
    if (typeof child === "string") {
      yield { text: child, around: path };
    } else {
      yield* textsIn(child, path);
    }
  }
}

/** All text in an element. */
export function textOf(element: HtmlElement): string {
  return [...textsIn(element)].map(({ text }) => text).join("");
}

/** Whether a reader sees it struck through. */
export function isStruck(around: readonly HtmlElement[]): boolean {
  return around.some(({ style }) => style.includes("line-through"));
}

/** The innermost element of this name around a text. */
export function nearest(around: readonly HtmlElement[], tag: string): HtmlElement | undefined {
  return around.findLast((one) => one.tag === tag);
}
