import { describe, expect, it } from "vitest";
import { decodeSample, linesOf, messageOf } from "./frames.ts";

describe("conversation", () => {
  it("names the event of a discussion that has one", () => {
    expect(decodeSample("misp_json_conversation--thread-on-event").event).toEqual({ id: "1" });
    expect(decodeSample("misp_json_conversation--thread-general")).not.toHaveProperty("event");
    const thread = { owner: { name: "ACME-CERT" }, distribution: "community" };
    expect(decodeSample("misp_json_conversation--thread-on-event").thread).toEqual(thread);
    expect(decodeSample("misp_json_conversation--thread-general").thread).toEqual(thread);
    expect(decodeSample("misp_json_conversation--post").thread).toEqual({ id: "1" });
    expect(linesOf("misp_json_conversation--thread-general")).toEqual({
      title: "General question",
      organisation: "ACME-CERT",
    });
  });

  it("tells what was written, shortened", () => {
    expect(linesOf("misp_json_conversation--post")).toEqual({
      contents: "Seen at our site too",
      organisation: "ACME-CERT",
    });
    const Post = { thread_id: 4, contents: `${"a".repeat(1999)}\u{1f600}` };
    const message = messageOf("misp_json_conversation", { Post });
    expect(message.subject).toEqual({ type: "discussion", id: "4" });
    expect(message.lines[0]?.text).toBe("a".repeat(1999));
  });
});
