import { readdirSync, readFileSync } from "node:fs";
import type { Frame } from "../../src/model/frame.ts";
import type { Message } from "../../src/model/message.ts";
import { decode } from "../../src/topics/index.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** A frame of `payload` as JSON, or of a text or bytes as they are. */
export function frameOf(topic: string, payload: unknown, receivedAt = 1_795_200_000_000): Frame {
  const bytes =
    payload instanceof Uint8Array
      ? payload
      : new TextEncoder().encode(typeof payload === "string" ? payload : JSON.stringify(payload));
  return { instance: "cert", topic, payload: bytes, receivedAt };
}

/** Decodes what must be a message. */
export function messageOf(topic: string, payload: unknown, receivedAt?: number): Message {
  const message = decode(frameOf(topic, payload, receivedAt));
  if (message === undefined) {
    throw new Error(`No message from ${topic}`);
  }
  return message;
}

export const SAMPLE_NAMES = readdirSync(new URL("frames/", FIXTURES))
  .map((file) => file.replace(/\.json$/, ""))
  .sort();

/** A frame that a real MISP sent. */
export function sample(name: string): { readonly topic: string; readonly payload: Record<string, unknown> } {
  return JSON.parse(readFileSync(new URL(`frames/${name}.json`, FIXTURES), "utf8"));
}

export function decodeSample(name: string): Message {
  const { topic, payload } = sample(name);
  return messageOf(topic, payload);
}

/** The labelled texts of a sample's message. */
export function linesOf(name: string): Readonly<Record<string, string>> {
  return Object.fromEntries(decodeSample(name).lines.map((line) => [line.label, line.text]));
}

/** The frames of a recorded session, in order. */
export function session(): readonly Frame[] {
  return readFileSync(new URL("session.jsonl", FIXTURES), "utf8")
    .trim()
    .split("\n")
    .map((line) => {
      const { t, frame } = JSON.parse(line);
      const space = frame.indexOf(" ");
      return frameOf(frame.slice(0, space), frame.slice(space + 1), Math.floor(t * 1000));
    });
}
