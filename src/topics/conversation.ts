import { readEventId } from "./nouns.ts";
import { defineTopic, readLines } from "./topic.ts";
import { id, isRaw, known, need } from "./values.ts";

/** `misp_json_conversation`: a discussion was opened, or somebody wrote in one. Only the opening tells the event, if any. */
export const conversation = defineTopic({
  name: "misp_json_conversation",
  read(body) {
    if (isRaw(body.Thread)) {
      const raw = body.Thread;
      const event = readEventId(raw);
      return {
        kind: "discussion.posted",
        subject: { type: "discussion" },
        ...(event.id && { event }),
        lines: readLines({ title: raw.title, organisation: raw.org_name }),
      };
    }
    const raw = need(body.Post, "post");
    return {
      kind: "discussion.posted",
      subject: known({ type: "discussion" as const, id: id(raw.thread_id) }),
      lines: readLines({ contents: raw.contents, organisation: raw.org_name }),
    };
  },
});
