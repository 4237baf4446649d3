import { createRequire } from "node:module";

// package.json lies one folder above this file, both in src/ and in dist/.
const manifest: unknown = createRequire(import.meta.url)("../../package.json");

function parseVersion(value: unknown): string {
  if (typeof value === "object" && value !== null && "version" in value && typeof value.version === "string") {
    return value.version;
  }
  throw new Error("package.json has no version");
}

/** The version of this program, from package.json. */
export const VERSION = parseVersion(manifest);

/** What we call ourselves towards servers. */
export const USER_AGENT = `misp-herald/${VERSION}`;
