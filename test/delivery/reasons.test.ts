import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { classifyReply } from "../../src/destinations/http.ts";
import type { Outcome } from "../../src/model/payload.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(resolve(ROOT, path), "utf8");
const files = (folder: string, end: string) =>
  readdirSync(resolve(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`);

const documented = files("docs", ".md").map(read).join("\n");
const code = ["src/base/http.ts", ...files("src/destinations", ".ts"), ...files("src/delivery", ".ts")]
  .map(read)
  .join("\n");

/** Words that the code gives as a reason, alone or as one of two. */
const slugs = [...code.matchAll(/\breason: (?:[^,;{}\n]*\? )?"([a-z0-9-]+)"(?: : "([a-z0-9-]+)")?|\bBUG = "(\w+)"/g)]
  .concat([...code.matchAll(/\bfailed\(\s*"([a-z0-9-]+)"/g)])
  .flatMap((match) => match.slice(1).filter((word) => word !== undefined));

test("every reason that the code knows is documented", () => {
  expect(slugs.length).toBeGreaterThan(30);
  expect([...new Set(slugs)].filter((slug) => !documented.includes(`\`${slug}\``))).toEqual([]);
});

test.each<[Outcome["kind"], string]>([
  ["destination_rejected", "http-401 http-402 http-403 http-404 http-407 http-410 http-451 http-501 http-505"],
  ["message_rejected", "http-400 http-413 http-422 http-405 http-418"],
  ["retry", "http-408 http-500 http-503 http-599"],
  ["ambiguous", "http-502 http-504"],
  ["retry_after", "http-429"],
])("%s is what docs/failures.md says of %s", (kind, reasons) => {
  const found = reasons.split(" ").map((reason) => classifyReply({ status: Number(reason.slice(5)) }, 0));
  expect(found).toEqual(reasons.split(" ").map((reason) => expect.objectContaining({ kind, reason })));
});
