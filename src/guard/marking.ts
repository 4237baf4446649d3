import type { Marking } from "../model/alert.ts";
import type { Tag } from "../model/misp.ts";
import { PAP, type Pap, TLP, type Tlp } from "../model/vocabulary.ts";

// Spellings in the wild differ in case, `=`, quotes and the separator of amber+strict; MISP's taxonomy has `tlp:amber+strict`.
const TLP_TAG = /^tlp\s*[:=]\s*(clear|white|green|amber[+\- ]strict|amber|red|ex:chr)$/;
const PAP_TAG = /^pap\s*[:=]\s*(clear|white|green|amber|red)$/;
// What looks like one and is none that we know. Words begin with `pap`, and none with `tlp`.
const ANY_TLP = /^[^\p{L}\p{N}]*tlp/u;
const ANY_PAP = /^[^\p{L}\p{N}]*pap(?![\p{L}\p{N}])/u;

/** Begins with an ordinary letter or digit that no label begins with: most tags are looked at no further. */
const NO_LABEL = /^[\x20-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]*[a-oq-su-z0-9]/i;
const PLAIN = /^[\x20-\x7e]*$/;
const QUOTES = /["'`\u00ab\u00bb\u2018-\u201f\u2032-\u2037\u2039\u203a\u301d-\u301f]/g;

/** A tag as readers see it: other forms of its letters, invisible characters, quotes and case make no difference. */
function legible(tag: string): string {
  const text = PLAIN.test(tag)
    ? tag
    : tag
        .normalize("NFKC")
        .replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "")
        .normalize("NFKC");
  return text.toLowerCase().replace(QUOTES, "").trim();
}

/** Tells whether a tag decides who may read: TLP or PAP, known to us or not. */
export function isMarking(tag: string): boolean {
  if (NO_LABEL.test(tag)) {
    return false;
  }
  const text = legible(tag);
  return ANY_TLP.test(text) || ANY_PAP.test(text);
}

/**
 * The marking that these tags make. Several labels of one taxonomy count as the strictest (MISP checks exclusivity only
 * in some forms). A `tlp…` tag that is no label we know, `tlp:unclear` among them, makes the whole unknown.
 * `complete`: there are no other tags, so that no label means `none`; otherwise a stricter one may be among those that
 * are not told, and only the strictest label is certain.
 */
export function markingOf(tags: Iterable<string>, complete: boolean): Marking {
  const { labels, tlpUnknown, papUnknown } = read(tags);
  const settle = <T extends string>(label: T | "none" | "unknown", strange: boolean) =>
    strange || (!complete && label !== "red") ? "unknown" : label;
  return { tlp: settle(labels.tlp, tlpUnknown), pap: settle(labels.pap, papUnknown), chr: labels.chr };
}

/** Tells which labels a list of all tags takes away that has no label: those which let more people read than none does. */
export function liftedBy(list: readonly Tag[]): (tag: Tag) => boolean {
  const isBare = labelsOf(list.map(({ name }) => name)).tlp === "none";
  return ({ name }) => isBare && isOpen(name);
}

/** Whether a tag is a label that lets more people read than no label does, as far as anybody knows. */
export function isOpen(tag: string): boolean {
  return ["clear", "green"].includes(labelsOf([tag]).tlp);
}

/** The labels among these tags that we know, `none` without one: as strict as it is at least. */
export function labelsOf(tags: Iterable<string>): Marking {
  return read(tags).labels;
}

function read(tags: Iterable<string>) {
  let tlp: Tlp | undefined;
  let pap: Pap | undefined;
  let tlpUnknown = false;
  let papUnknown = false;
  let chr = false;
  for (const tag of tags) {
    if (NO_LABEL.test(tag)) {
      continue;
    }
    const text = legible(tag);
    if (ANY_TLP.test(text)) {
      const label = TLP_TAG.exec(text)?.[1];
      if (label === undefined) {
        tlpUnknown = true;
      } else if (label === "ex:chr") {
        chr = true;
      } else {
        tlp = stricter(
          TLP,
          tlp,
          label === "white"
            ? "clear"
            : label.startsWith("amber") && label !== "amber"
              ? "amber+strict"
              : (label as Tlp),
        );
      }
    } else if (ANY_PAP.test(text)) {
      const label = PAP_TAG.exec(text)?.[1];
      if (label === undefined) {
        papUnknown = true;
      } else {
        pap = stricter(PAP, pap, label === "white" ? "clear" : (label as Pap));
      }
    }
  }
  const labels: Marking = { tlp: tlp ?? "none", pap: pap ?? "none", chr };
  return { labels, tlpUnknown, papUnknown };
}

/** The strictest of several markings: `none` yields to any label, and `unknown` to nothing. */
export function strictest(...markings: readonly Marking[]): Marking {
  return {
    tlp: strictestOf(
      TLP,
      markings.map(({ tlp }) => tlp),
    ),
    pap: strictestOf(
      PAP,
      markings.map(({ pap }) => pap),
    ),
    chr: markings.some(({ chr }) => chr),
  };
}

/** -1 for `none`, past the end for `unknown`. */
export function rank<T extends string>(ladder: readonly T[], label: T | "none" | "unknown"): number {
  return label === "unknown" ? ladder.length : label === "none" ? -1 : ladder.indexOf(label);
}

function strictestOf<T extends string>(ladder: readonly T[], labels: readonly (T | "none" | "unknown")[]) {
  return labels.reduce<T | "none" | "unknown">((a, b) => (rank(ladder, b) > rank(ladder, a) ? b : a), "none");
}

function stricter<T extends string>(ladder: readonly T[], a: T | undefined, b: T): T {
  return a !== undefined && ladder.indexOf(a) > ladder.indexOf(b) ? a : b;
}
