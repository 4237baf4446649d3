#!/usr/bin/env node
import { basename, relative } from "node:path";
import { start } from "./app.ts";
import { main } from "./cli/program.ts";

/** Longer than the grace that `run` gives to attempts in flight. */
const STOP_WITHIN_MS = 10_000;

const stop = new AbortController();
for (const name of ["SIGTERM", "SIGINT"] as const) {
  process.on(name, () => {
    // Whoever asks twice does not want to wait; what is owed is on disk.
    if (stop.signal.aborted) {
      process.exit(1);
    }
    stop.abort();
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
  });
}
const args = process.argv.slice(2);
// A reader that has seen enough (`| head`) is no failure. The service goes on: its console destination knows by itself.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (args[0] === "run") {
    return;
  }
  if (error.code === "EPIPE") {
    process.exit(0);
  }
  throw error;
});

// In a clone nothing is installed: what is printed to be copied names this file.
const [, script = ""] = process.argv;
const self = basename(script) === "main.js" ? `node ${relative(process.cwd(), script)}` : undefined;

// A closed stderr is no reason to end, and there is no other place to say so.
process.stderr.on("error", () => {});

process.exitCode = await main(args, {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
  onHangup: (reload) => void process.on("SIGHUP", reload),
  ...(self !== undefined && { self }),
  start, // the flow: whatever a command opens, this runs it
});
