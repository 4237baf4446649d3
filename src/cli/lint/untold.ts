import { warning } from "../../config/tree.ts";
import type { Kind } from "../../model/vocabulary.ts";
import { aliveKinds } from "./kinds.ts";
import type { Linted } from "./linted.ts";
import { keyOf } from "./spots.ts";

/** What misp-herald says of itself that somebody has to hear: that it hears nothing, and that nobody hears it. */
const NEEDED: readonly Kind[] = ["herald.feed_silent", "herald.destination_suspended"];

/** Somebody is told when misp-herald itself cannot do its work. */
export function checkUntold({ root, config, report }: Linted): void {
  const told = new Set(config.routes.flatMap((route) => aliveKinds(route)));
  const missing = NEEDED.filter((kind) => !told.has(kind));
  if (missing.length === 0) {
    return;
  }
  const [first, second] = Object.keys(config.destinations);
  const hint = `add { name: operations, kinds: [herald.*], notify: [${[first, second].filter(Boolean).join(", ")}] }: no destination is told about itself, so name two`;
  report(warning(keyOf(root, ["routes"]), `no route is about ${missing.join(" and ")}: nobody would be told`, hint));
}
