import { createHmac } from "node:crypto";

/** Signs as Standard Webhooks 1.0.0 has it: HMAC-SHA256 over `id.timestamp.body`, `timestamp` in Unix seconds. */
export function sign(key: Uint8Array, id: string, timestamp: number, body: string): string {
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
}
