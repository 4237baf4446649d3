import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openPublisher } from "../support/publisher.ts";
import { sample } from "../topics/frames.ts";
import { start, workspace } from "./daemon.ts";

/** What the demo shows at its end as to be typed, without the program's name. */
async function lastScreen(): Promise<readonly (readonly string[])[]> {
  await using demo = start(["demo", "--speed", "1000"]);
  expect(await demo.exited).toBe(0);
  const [, screen = ""] = demo.stdout().split("Now with your MISP");
  return [...screen.matchAll(/^ {2}node dist\/main\.js (.+)$/gm)].map(([, words = ""]) => words.split(" "));
}

test("the last screen of the demo leads from listening to a feed to a service that tells of it", async () => {
  await using publisher = await openPublisher();
  using folder = workspace();
  const mine: Readonly<Record<string, string>> = {
    "tcp://misp.example.org:50000": publisher.endpoint,
    "config.yaml": folder.path("config.yaml"),
  };
  const commands = (await lastScreen()).map((words) => words.map((word) => mine[word] ?? word));
  const [tail = [], init = [], check = [], run = []] = commands;
  expect(commands.map(([name]) => name)).toEqual(["tail", "init", "check", "run"]);
  const { topic, payload } = sample("misp_json--publish-first-time");

  await using listening = start(tail);
  await publisher.subscribed();
  await publisher.send(topic, payload);
  await eventually(() => listening.stdout().includes("event.published"));
  expect(await listening.stop("SIGINT")).toBe(0);
  await publisher.unsubscribed();

  // Its questions are asked at a terminal; these are their answers.
  await using writing = start([...init, "--yes", "--endpoint", publisher.endpoint, "--max-tlp", "amber"]);
  expect([await writing.exited, writing.stderr()]).toEqual([0, ""]);

  await using checking = start(check);
  expect([await checking.exited, checking.stderr()]).toEqual([0, ""]);
  expect(checking.stdout()).toContain("sees everything up to TLP:AMBER");

  await using running = start(run);
  await publisher.subscribed();
  await publisher.send(topic, payload);
  await eventually(() => running.stdout().includes("[TLP:AMBER]"));
  expect(await running.stop("SIGTERM")).toBe(0);
});
