import { z } from "zod";
import { compileTemplate } from "./compile.ts";
import { MAX_TEMPLATE } from "./engine.ts";

export { LinksOption } from "./links.ts";

const Text = z.string().min(1, "must not be empty").max(MAX_TEMPLATE);

/** `template:` of a destination or a route; parses to what it compiles to. */
export const TemplateOption = z
  .strictObject({
    title: Text.optional().describe("The first line, in Liquid."),
    body: Text.optional().describe("What stands below it, in Liquid."),
  })
  .transform((source, context) => {
    const compiled = compileTemplate(source);
    if ("template" in compiled) {
      return compiled.template;
    }
    for (const { part, line, column, message } of compiled.problems) {
      context.addIssue({ code: "custom", path: [part], message: `${message} (line ${line}, column ${column} of it)` });
    }
    return z.NEVER;
  });
