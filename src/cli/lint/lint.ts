import type { Problem } from "../../base/problem.ts";
import type { ExaminedConfig } from "../../config/load.ts";
import type { Watches } from "../../watching/watches.ts";
import { checkEndpoints } from "./endpoints.ts";
import { checkGuards } from "./guards.ts";
import { checkKinds } from "./kinds.ts";
import { checkLabels } from "./labels.ts";
import type { Linted } from "./linted.ts";
import { checkPatterns } from "./patterns.ts";
import { checkPlaces } from "./places.ts";
import { checkRepeats } from "./repeats.ts";
import { checkUntold } from "./untold.ts";

/** What is surely not meant in a configuration that is valid; each with its place and what to do. */
export function lint({ config, examine }: ExaminedConfig, watch: Watches): readonly Problem[] {
  return examine((root, report) => {
    const linted: Linted = { root, config, report };
    checkUntold(linted);
    checkRepeats(linted);
    checkGuards(linted);
    checkKinds(linted);
    checkPatterns(linted);
    checkLabels(linted, watch);
    checkPlaces(linted);
    checkEndpoints(linted);
  });
}
