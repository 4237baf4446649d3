import { readEventId, readThread } from "./nouns.ts";
import { defineTopic, readLines } from "./topic.ts";
import { id, isRaw, known, need } from "./values.ts";

/**
 * `misp_json_conversation`: a discussion was opened, or somebody wrote in one. Only the opening tells how far it may
 * travel, and the event, if any; what is written later names the discussion by its number.
 */
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
        thread: readThread(raw),
        lines: readLines({ title: raw.title, organisation: raw.org_name }),
      };
    }
    const raw = need(body.Post, "post");
    const thread = id(raw.thread_id);
    return {
      kind: "discussion.posted",
      subject: known({ type: "discussion" as const, id: thread }),
      thread: known({ id: thread }),
      lines: readLines({ contents: raw.contents, organisation: raw.org_name }),
    };
  },
});
