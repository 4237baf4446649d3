import { defineTopic } from "./topic.ts";

/** `misp_json_self`: MISP has been idle for ten seconds and is alive. That it arrived is all it says. */
export const self = defineTopic({ name: "misp_json_self", read: () => undefined });
