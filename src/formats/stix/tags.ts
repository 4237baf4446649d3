import { lookUp } from "./patterns.ts";

/** How sure MISP's tags say that something is, from 0 to 100: the scales of STIX 2.1, appendix A. */
const CONFIDENCE: readonly (readonly [tag: RegExp, scale: Readonly<Record<string, number>>])[] = [
  [
    /^misp:confidence-level="([a-z-]+)"$/,
    {
      "completely-confident": 100,
      "usually-confident": 75,
      "fairly-confident": 50,
      "rarely-confident": 25,
      unconfident: 0,
    },
  ],
  [/^admiralty-scale:information-credibility="([1-5])"$/, { "1": 90, "2": 70, "3": 50, "4": 30, "5": 10 }],
  [/^estimative-language:confidence-in-analytic-judgment="([a-z]+)"$/, { high: 85, moderate: 50, low: 15 }],
];

/** How sure these tags say that it is, the least of them; undefined: none says. */
export function confidenceOf(tags: readonly string[]): number | undefined {
  const said = tags.flatMap((tag) =>
    CONFIDENCE.flatMap(([pattern, scale]) => lookUp(scale, pattern.exec(tag.toLowerCase())?.[1] ?? "") ?? []),
  );
  return said.length === 0 ? undefined : Math.min(...said);
}

const KILL_CHAIN = /^(kill-chain|unified-kill-chain|cyber-kill-chain):"?([^"=]{1,80})(?:="([^"]{1,80})")?"?$/i;
const NAMES: Readonly<Record<string, string>> = {
  "kill-chain": "lockheed-martin-cyber-kill-chain",
  "cyber-kill-chain": "lockheed-martin-cyber-kill-chain",
  "unified-kill-chain": "unified-kill-chain",
};

/** The phases of a kill chain that these tags name. */
export function killChainOf(tags: readonly string[]) {
  const phases = tags.flatMap((tag) => {
    const [, taxonomy = "", predicate = "", value] = KILL_CHAIN.exec(tag) ?? [];
    const name = NAMES[taxonomy.toLowerCase()];
    const phase = (value ?? predicate)
      .toWellFormed()
      .trim()
      .toLowerCase()
      .replace(/[\s_&]+/g, "-");
    return name === undefined || phase === "" ? [] : { kill_chain_name: name, phase_name: phase };
  });
  return [...new Map(phases.map((phase) => [JSON.stringify(phase), phase])).values()];
}

/** All that tags say beside how far something may travel, which is a marking. */
export function labelsOf(tags: readonly string[]): readonly string[] {
  const said = tags.map((tag) => tag.toWellFormed()).filter((tag) => tag !== "" && !/^tlp\s*[:=]/i.test(tag));
  return [...new Set(said)];
}
