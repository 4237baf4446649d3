import { expect, it } from "vitest";
import { formatContext } from "../../src/alert/context.ts";
import type { EventView } from "../../src/model/misp.ts";
import { entry, guarded } from "../support/payloads.ts";

function context(event: EventView): readonly string[] {
  const lines = formatContext(entry(guarded({ event })), { timeZone: "UTC", defang: true });
  return lines.map(({ label, value }) => `${label}: ${value}`);
}

const tagged = (...names: readonly string[]) => context({ tags: names.map((name) => ({ name })) });

it("names clusters by what they are, who before what before how", () => {
  expect(
    tagged(
      'misp-galaxy:sector="Finance"',
      'misp-galaxy:mitre-attack-pattern="Spearphishing Attachment - T1566.001"',
      'misp-galaxy:malpedia="Emotet"',
      'misp-galaxy:ransomware="LockBit"',
      'misp-galaxy:mitre-intrusion-set="APT28 - G0007"',
      'misp-galaxy:some-new_thing="X"',
    ),
  ).toEqual([
    "Threat actor: APT28",
    "Ransomware: LockBit",
    "Malware: Emotet",
    "Technique: T1566.001 Spearphishing Attachment",
    "Sector: Finance",
    "Some new thing: X",
  ]);
});

it("names a cluster once, whatever tells of it", () => {
  const clusters = [
    { galaxy: "threat-actor", value: "APT28" },
    { galaxy: "mitre-intrusion-set", value: "APT28 - G0007" },
  ];
  expect(context({ clusters, tags: [{ name: 'misp-galaxy:threat-actor="apt28"' }] })).toHaveLength(1);
});

it("leaves out markings and what only organises work", () => {
  const noise = [
    "tlp:red",
    "PAP:AMBER",
    'workflow:state="draft"',
    'misp:tool="misp2stix"',
    'osint:lifetime="perpetual"',
    "type:OSINT",
  ];
  expect(tagged(...noise, "ecsirt:intrusions")).toEqual(["Tag: ecsirt:intrusions"]);
});

it("makes names inert and bounds them", () => {
  expect(tagged('misp-galaxy:tool="evil.example\u202E"', "see https://evil.example/")).toEqual([
    "Tool: evil[.]example",
    "Tag: see hxxps://evil[.]example/",
  ]);
  expect(Math.max(...tagged("x".repeat(5000)).map(({ length }) => length))).toBe("Tag: ".length + 80);
});

it("puts what is of one kind on one line, many techniques by their numbers, and counts the rest", () => {
  const techniques = Array.from(
    { length: 39 },
    (_, i) => `misp-galaxy:mitre-attack-pattern="Name ${i} - T${1000 + i}"`,
  );
  expect(tagged(...techniques, 'misp-galaxy:sector="Finance"', 'misp-galaxy:sector="Energy"')).toEqual([
    "Techniques: T1000, T1001, T1002 … +36",
    "Sectors: Finance, Energy",
  ]);
});

it("reads machine tags as words", () => {
  expect(tagged('admiralty-scale:source-reliability="b"')).toEqual(["Tag: source reliability: b"]);
});
