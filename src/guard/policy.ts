import { z } from "zod";
import { PAP, SENSITIVE, type Sensitive, TLP } from "../model/vocabulary.ts";

const tlp = z.enum(TLP);
const rank = (level: (typeof TLP)[number] | undefined) => (level === undefined ? -1 : TLP.indexOf(level));

/** `guard:` of a destination: what its readers may see. */
export const Guard = z
  .strictObject({
    max_tlp: tlp.describe("Everything up to this TLP is told in full. Required."),
    metadata_up_to: tlp.optional().describe("Above max_tlp: title and tags, without values, comments and objects."),
    pointer_up_to: tlp.optional().describe("Above that: only that there is an event, and the link."),
    max_pap: z.enum(PAP).default("amber").describe("Above it values are withheld; no PAP label counts as amber."),
    untagged: z
      .union([tlp, z.literal("deny")])
      .default("amber")
      .describe("What an event without a TLP label counts as; deny tells nothing of it."),
    audience: z
      .array(z.string().min(1))
      .default([])
      .describe("The organisations that read this, by UUID or by name on the instance."),
    distribution: z
      .array(z.enum(["community", "connected", "all"]))
      .default(["community", "connected", "all"])
      .describe("Which wider distributions pass, whoever reads it."),
    sharing_groups: z
      .array(z.string().min(1))
      .default([])
      .describe("Groups that pass as a whole: by UUID, by instance:id, or by their exact name."),
    drafts: z.boolean().default(false).describe("For those who write events: also what was never published."),
    personal: z.boolean().default(false).describe("Also personal and secret attribute types."),
    also: z
      .array(z.enum(Object.keys(SENSITIVE) as [Sensitive, ...Sensitive[]]))
      .default([])
      .describe("Sensitive kinds that are told here, too."),
  })
  .check((context) => {
    const { max_tlp, metadata_up_to, pointer_up_to } = context.value;
    if (metadata_up_to && rank(metadata_up_to) <= rank(max_tlp)) {
      context.issues.push({
        code: "custom",
        path: ["metadata_up_to"],
        input: metadata_up_to,
        message: `must be stricter than max_tlp (${max_tlp}); what is up to max_tlp is told in full`,
      });
    }
    if (pointer_up_to && rank(pointer_up_to) <= rank(metadata_up_to ?? max_tlp)) {
      context.issues.push({
        code: "custom",
        path: ["pointer_up_to"],
        input: pointer_up_to,
        message: `must be stricter than ${metadata_up_to ? `metadata_up_to (${metadata_up_to})` : `max_tlp (${max_tlp})`}`,
      });
    }
  });
export type Guard = z.output<typeof Guard>;
