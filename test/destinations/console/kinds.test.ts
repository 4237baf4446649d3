import { expect, it } from "vitest";
import { formatText } from "../../../src/destinations/console/format.ts";
import type { Item } from "../../../src/model/alert.ts";
import type { Message } from "../../../src/model/message.ts";
import type { Entry } from "../../../src/model/payload.ts";
import { entry, guarded, payload } from "../../support/payloads.ts";
import { decodeSample, SAMPLE_NAMES } from "../../topics/frames.ts";

/** A recorded message with all that it says, as a guard that hides nothing would pass it. */
function entryOf(message: Message): Entry | undefined {
  const { kind, instance, receivedAt, subject, version, event, attributes, objects, sighting, tag, lines } = message;
  if (kind === undefined) {
    return undefined;
  }
  const items = attributes.map(({ tags = [], distribution: _, sharingGroup: __, ...rest }): Item => {
    const names = tags.map(({ name }) => name);
    return { ...rest, tags: names, tagsKnown: true, marking: { tlp: "none", pap: "none", chr: false }, reach: [] };
  });
  return entry(
    guarded({
      ...{ kind, instance, receivedAt, subject, version, items, lines },
      objects: objects.map((object) => ({ ...object, reach: [] })),
      ...(event && { event }),
      ...(sighting && { sighting }),
      ...(tag && { tag }),
    }),
  );
}

it("has words for every kind of message that MISP has been seen to send", async () => {
  const texts = SAMPLE_NAMES.filter((name) => !name.startsWith("misp_json--") && !name.includes("keepalive")).map(
    (name) => {
      const told = entryOf(decodeSample(name));
      return told
        ? `=== ${name}\n${formatText(payload([told]), { colors: false, columns: 100, timeZone: "UTC", defang: true })}`
        : "";
    },
  );
  await expect(texts.join("")).toMatchFileSnapshot("../../fixtures/golden/console/kinds.txt");
});
