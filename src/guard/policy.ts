import { z } from "zod";
import { PAP, SENSITIVE, type Sensitive, TLP } from "../vocabulary.ts";

const tlp = z.enum(TLP);
const rank = (level: (typeof TLP)[number] | undefined) => (level === undefined ? -1 : TLP.indexOf(level));

/** `guard:` of a destination: what its readers may see. */
export const Guard = z
  .strictObject({
    max_tlp: tlp,
    metadata_up_to: tlp.optional(),
    pointer_up_to: tlp.optional(),
    max_pap: z.enum(PAP).default("amber"),
    untagged: z.union([tlp, z.literal("deny")]).default("amber"),
    audience: z.array(z.string().min(1)).default([]),
    distribution: z.array(z.enum(["community", "connected", "all"])).default(["community", "connected", "all"]),
    sharing_groups: z.array(z.string().min(1)).default([]),
    drafts: z.boolean().default(false),
    personal: z.boolean().default(false),
    also: z.array(z.enum(Object.keys(SENSITIVE) as [Sensitive, ...Sensitive[]])).default([]),
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
