import type { ThreatLevel, Tlp } from "../model/vocabulary.ts";

/** How a threat level looks in every channel: never by colour alone. `on` is the text colour that is readable on `color`. */
export const LEVELS: Readonly<
  Record<ThreatLevel, { readonly word: string; readonly glyph: string; readonly color: string; readonly on: string }>
> = {
  high: { word: "High", glyph: "▲", color: "#C62828", on: "#FFFFFF" },
  medium: { word: "Medium", glyph: "◆", color: "#EF6C00", on: "#000000" },
  low: { word: "Low", glyph: "▼", color: "#1565C0", on: "#FFFFFF" },
  undefined: { word: "Undefined", glyph: "?", color: "#546E7A", on: "#FFFFFF" },
};

/** Text colours of TLP labels on black (FIRST TLP 2.0). */
export const TLP_COLORS: Readonly<Record<Tlp | "untagged", string>> = {
  clear: "#FFFFFF",
  green: "#33FF00",
  amber: "#FFC000",
  "amber+strict": "#FFC000",
  red: "#FF2B2B",
  untagged: "#FFFFFF",
};
