import { open } from "node:fs/promises";

/** Reads at most `limit` bytes and one more, by which the caller sees that there was more. */
export type ReadFile = (path: string, limit: number) => Promise<Uint8Array>;

/** Reads a file, pipe or device; never more than is asked for. */
export const readBounded: ReadFile = async (path, limit) => {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(limit + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) {
        break;
      }
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
};

/** The text of UTF-8 bytes, without a byte order mark; undefined where they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
