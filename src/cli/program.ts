import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { isWorded, LoggedError, UsageError } from "../base/errors.ts";
import { ConfigError, formatProblems } from "../base/problem.ts";
import { Redactor } from "../base/redact.ts";
import { Duration } from "../base/schema.ts";
import { VERSION } from "../base/version.ts";
import { OUTCOMES, STATES } from "../operations/requests.ts";
import { ackCommand } from "./ack.ts";
import { checkCommand } from "./check.ts";
import { type Context, type Host, hasColor, print } from "./context.ts";
import { demoCommand } from "./demo.ts";
import { explainCommand } from "./explain.ts";
import { historyCommand } from "./history.ts";
import { dropCommand, listCommand, retryCommand, showCommand } from "./outbox.ts";
import { pauseCommand } from "./pause.ts";
import { DEFAULT_CONFIG } from "./reach.ts";
import { reloadCommand } from "./reload.ts";
import { renderCommand } from "./render.ts";
import { replayCommand } from "./replay.ts";
import { runCommand } from "./run.ts";
import { sendTestCommand } from "./send-test.ts";
import { addSetupCommands } from "./setup.ts";
import { addSilenceCommand, extendSilenceCommand, listSilencesCommand, removeSilenceCommand } from "./silence.ts";
import { statusCommand } from "./status.ts";
import { tailCommand } from "./tail.ts";
import { testCommand } from "./test.ts";

/** Runs one command line; returns the exit code: 0 good, 1 the answer is no, 2 wrong usage. */
export async function main(args: readonly string[], host: Host): Promise<number> {
  let code = 0;
  const redactor = new Redactor();
  const context: Context = { ...host, redactor };
  const program = buildProgram(context, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? 0 : 2;
    }
    if (error instanceof LoggedError) {
      return 1;
    }
    // Whoever interrupts a command knows why it ends.
    if (context.signal.aborted && error === context.signal.reason) {
      print(context.stderr, "misp-herald: interrupted");
      return 1;
    }
    if (error instanceof ConfigError) {
      print(
        context.stderr,
        redactor.redact(formatProblems(error.issues, { color: hasColor(context.stderr, context.env) })),
      );
      return 1;
    }
    if (isWorded(error)) {
      print(context.stderr, redactor.redact(`misp-herald: ${error.message}`));
      return error instanceof UsageError ? error.exitCode : 1;
    }
    print(context.stderr, redactor.redact(`misp-herald: ${error instanceof Error ? error.stack : error}`));
    return 1;
  }
}

function helpCommand(): Command {
  return new Command("help").argument("[command]").description("what a command does and takes");
}

/** All commands; `finish` is told the exit code of those whose answer may be no. */
export function buildProgram(context: Context, finish: (code: 0 | 1) => void): Command {
  const program = new Command("misp-herald")
    .description("Tells the right people what happens in MISP: routed by YAML rules, guarded by TLP, durable.")
    .version(VERSION, "-V, --version", "which version this is")
    .helpOption("-h, --help", "this")
    .addHelpCommand(helpCommand().helpGroup("Look and try out:"))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
    })
    .configureHelp({ optionDescription: describeOption, subcommandTerm: termOf })
    .showSuggestionAfterError()
    .showHelpAfterError("(misp-herald --help lists what there is)")
    .addHelpText("after", HELP);
  const config = () =>
    new Option("-c, --config <file>", "configuration").default(DEFAULT_CONFIG).env("MISP_HERALD_CONFIG");

  program
    .commandsGroup("Set up:")
    .command("demo")
    .description("see it working, with a recorded session on this terminal: no MISP, no configuration, no network")
    .option("--speed <factor>", "times faster than for reading along, e.g. 4", positive, 1)
    .action((options) => demoCommand(options, context));
  addSetupCommands(program, context, finish, config);
  program
    .command("check")
    .description(
      "validate a configuration and say in sentences what it does; without --online opens nothing, needs no secret",
    )
    .addOption(config())
    .option(
      "--online",
      "also ask each MISP who its api_key is, what that may see, and which notifications are on",
      false,
    )
    .option("--strict", "a warning is a no, too: exit code 1", false)
    .option("--json", "one JSON document", false)
    .action(async (options) => finish(await checkCommand(options, context)));
  program
    .commandsGroup("Service:")
    .command("run")
    .description("the service, in the foreground; ends on SIGTERM or Ctrl-C, and keeps what is owed")
    .addOption(config())
    .action((options) => runCommand(options, context));
  addDaemonCommands(program.commandsGroup("Ask and steer the running service:"), context, finish, config);
  program
    .commandsGroup("Look and try out:")
    .command("tail")
    .description("show what the feed says, as it comes")
    .addOption(config())
    .option("--endpoint <url>", "listen to this publisher, e.g. tcp://127.0.0.1:50000, without a configuration")
    .option("--topic <name...>", "only these MISP topics, e.g. misp_json_attribute")
    .option("--kind <glob...>", "only these kinds, e.g. attribute.*")
    .option("--explain", "say what the routes and guards of the configuration would do with each message", false)
    .option("--stats", "count instead of showing", false)
    .option(
      "--record <file>",
      "write the frames to a new file, which replay and render read; it holds all that the feed says",
    )
    .option("--json", "one JSON line per message", false)
    .action((options) => tailCommand(options, context));
  program
    .command("replay")
    .description("show what would happen with recorded frames; nothing is sent, and memory is not touched")
    .argument("<file>", "recorded frames, one per line; - is standard input")
    .addOption(config())
    .option("--send", "send, to the destinations of --to only; groups do not wait", false)
    .option("--to <name...>", "destinations of the configuration")
    .option("--instance <name>", "the instance that the frames come from; the first of the configuration by default")
    .option("--speed <speed>", "full, recorded, or a factor such as 10", speed, "full")
    .option(
      "--alerts",
      "show also the alerts as they would leave: merged, as updates and as digests, at the recorded times",
      false,
    )
    .option("--json", "one JSON line per message", false)
    .action((options_, options) => replayCommand({ file: options_, ...options }, context));
  program
    .command("test")
    .description("play fixtures, timelines of messages and of who is told what, on their own clock; sends nothing")
    .argument("<file...>", "fixtures (docs/testing.md); with --record the one to write")
    .addOption(config())
    .option("--junit <file>", "write the results for a build server")
    .option("--record <recording>", "write a fixture of what leaves of recorded frames")
    .option("--json", "one JSON document", false)
    .action(async (files, options) => finish(await testCommand({ files, ...options }, context)));
  program
    .command("render")
    .description("the exact payload that a destination would get of a message, its sizes, and what was trimmed")
    .argument("<message>", "a file with recorded frames; - is standard input")
    .requiredOption("--to <name>", "a destination of the configuration")
    .addOption(config())
    .option("--instance <name>", "the instance that it comes from; the first of the configuration by default")
    .addOption(
      new Option(
        "--as <what>",
        "merged: what waits together leaves together; updates: each leaves before the next one comes; digest: all of it in one",
      )
        .choices(["merged", "updates", "digest"])
        .default("merged"),
    )
    .option("--anyway", "render it also when no route sends it there; the guard holds all the same", false)
    .option("--html <file>", "write a page that draws it as the channel would")
    .option("--json", "one JSON line per payload", false)
    .action(async (message, options) => finish(await renderCommand({ message, ...options }, context)));
  program
    .command("send-test")
    .description("send one alert marked TEST through the live path, and say what the other side answered")
    .argument("<destination>", "a destination of the configuration")
    .addOption(config())
    .option("--json", "one JSON document", false)
    .action(async (destination, options) => finish(await sendTestCommand({ destination, ...options }, context)));
  return program;
}

/** What talks to the running service, through its control socket. */
function addDaemonCommands(program: Command, context: Context, finish: (code: 0 | 1) => void, config: () => Option) {
  const reaching = (command: Command) =>
    command
      .addOption(config())
      .option("--control <path>", "the socket of the service; by default the one that the configuration names")
      .option("--json", "one JSON document, or one JSON line for each line of a list", false);
  const filtering = (command: Command) =>
    command
      .option("--id <id...>", "these deliveries; the beginning of an id will do")
      .option("--destination <name...>", "to these destinations")
      .addOption(new Option("--state <state>", "in this state").choices(STATES))
      .option("--older-than <duration>", "owed for longer, e.g. 2h", duration);

  reaching(program.command("status").description("how the running service, its feeds and its destinations are")).action(
    (options) => statusCommand(options, context),
  );
  const outbox = program
    .command("outbox")
    .description("what is owed: look at it, try it now, or drop it")
    .addHelpCommand(helpCommand());
  filtering(reaching(outbox.command("list").description("what is owed, oldest first")))
    .option("--limit <n>", "at most so many", whole, 50)
    .action((options) => listCommand(options, context));
  reaching(outbox.command("show").description("all about one delivery"))
    .argument("<id>", "of the delivery; its beginning will do")
    .option("--content", "also what would be sent, as far as its destination may see it", false)
    .action((id, options) => showCommand({ id, ...options }, context));
  filtering(reaching(outbox.command("retry").description("try now what waits, all of it or what is named")))
    .option("--yes", "do not ask", false)
    .action(async (options) => finish(await retryCommand(options, context)));
  filtering(reaching(outbox.command("drop").description("never send what is named")))
    .option("--yes", "do not ask", false)
    .action(async (options) => finish(await dropCommand(options, context)));
  reaching(program.command("history").description("what became of deliveries, newest first"))
    .option("--destination <name>", "to this destination")
    .option("--event <event>", "about this event, by its id or UUID")
    .addOption(new Option("--outcome <outcome>", "that ended so").choices(OUTCOMES))
    .option("--since <when>", "since then: a duration such as 2h, or a time such as 2026-11-21T08:00Z", since)
    .option("--limit <n>", "at most so many", whole, 50)
    .action((options) => historyCommand(options, context));
  reaching(
    program
      .command("reload")
      .description("go on under the configuration as it is now; if it is wrong, nothing changes"),
  )
    .option("--accept", "take watch lists as they are, also those that shrank by more than half", false)
    .action((options) => reloadCommand(options, context));
  const silence = program
    .command("silence")
    .description("what nobody is to be told for a while, and why")
    .addHelpCommand(helpCommand());
  reaching(
    silence.command("add").description("tell nobody what is named, for a while; all that is named holds together"),
  )
    .option("--match <condition...>", SILENCE_MATCH)
    .option("--event <event...>", "about these events, by id or UUID")
    .option("--route <name...>", "what these routes tell, also of the service itself")
    .option("--destination <name...>", "what these destinations are told, also of the service itself")
    .requiredOption("--for <duration>", "how long, e.g. 4h", duration)
    .requiredOption("--reason <text>", "why, for those who ask; 200 characters at most")
    .addOption(
      new Option("--then <what>", "digest: what comes is told when the silence ends, together")
        .choices(["nothing", "digest"])
        .default("nothing"),
    )
    .action(({ then: afterwards, ...options }) => addSilenceCommand({ ...options, afterwards }, context));
  reaching(silence.command("list").description("what is silenced, by whom and why, and how much is behind it"))
    .option("--ended", "also those that have ended, as far as the record goes back", false)
    .action((options) => listSilencesCommand(options, context));
  reaching(silence.command("extend").description("let a silence last for so much longer"))
    .argument("<id>", "of the silence; its beginning will do")
    .requiredOption("--for <duration>", "how much longer, e.g. 2h", duration)
    .action((id, options) => extendSilenceCommand({ id, ...options }, context));
  reaching(silence.command("remove").description("end a silence now; what it holds is told"))
    .argument("<id>", "of the silence; its beginning will do")
    .action((id, options) => removeSilenceCommand({ id, ...options }, context));
  reaching(
    program
      .command("ack")
      .description("you look after an event: nobody is reminded any more of what was told of it (remind: of a route)"),
  )
    .argument("<event>", "its UUID, or its id as cert:4711; the id alone where only one instance has it")
    .action((event, options) => ackCommand({ event, ...options }, context));
  reaching(
    program
      .command("pause")
      .description("tell a destination nothing until it is resumed; what it is owed is kept, and does not age"),
  )
    .argument("<destination>", "of the running service")
    .option("--for <duration>", "how long, e.g. 2h; it then goes on by itself", duration)
    .action((destination, options) => pauseCommand({ command: "pause", destination, ...options }, context));
  reaching(program.command("resume").description("tell a paused destination what it is owed"))
    .argument("<destination>", "of the running service")
    .action((destination, options) => pauseCommand({ command: "resume", destination, ...options }, context));
  reaching(
    program
      .command("explain")
      .description(
        "of an event who was told what, when, with which marking, and why not; of files with messages what each route and guard would do",
      ),
  )
    .argument(
      "<what...>",
      "the id or UUID of an event, or files with recorded frames, the earlier of which count as known; - is standard input",
    )
    .option("--at <when>", "files: as if it were then, e.g. 2026-11-21T08:00Z, or a duration ago such as 2h", since)
    .option("--instance <name>", "files: the instance that they come from; the first of the configuration by default")
    .action(async (what, options) => finish(await explainCommand({ what, ...options }, context)));
}

const SILENCE_MATCH =
  "as a route's match has it: org=CIRCL, 'tag=osint:*', 'org!=CIRCL', or a map in YAML such as '{ attribute: { type: url } }'";

const HELP = `
New here? misp-herald demo shows it working; misp-herald init makes a configuration.
Options of a command: misp-herald COMMAND --help. All in one place: man misp-herald.
Exit codes: 0 good, 1 the answer is no (invalid configuration, refused send), 2 wrong usage.`;

/** That a switch is off unless it is given needs no words. */
function describeOption(option: Option): string {
  const notes = [
    ...(option.argChoices ? [option.argChoices.join(", ")] : []),
    ...(option.defaultValue === undefined || option.defaultValue === false ? [] : [`default: ${option.defaultValue}`]),
    ...(option.envVar === undefined ? [] : [`env: ${option.envVar}`]),
  ];
  return notes.length > 0 ? `${option.description} (${notes.join("; ")})` : option.description;
}

function termOf(command: Command): string {
  const values = command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`));
  return [command.name(), ...values].join(" ");
}

function duration(text: string): number {
  const parsed = Duration.safeParse(text);
  if (!parsed.success) {
    throw new InvalidArgumentError('Give a duration such as "10s", "5m", "2h" or "7d".');
  }
  return parsed.data;
}

function since(text: string): number {
  const parsed = Duration.safeParse(text);
  const at = parsed.success ? Date.now() - parsed.data : Date.parse(text);
  if (!(at >= 0)) {
    throw new InvalidArgumentError('Give a duration such as "2h", or a time such as 2026-11-21T08:00Z.');
  }
  return at;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1 || value > 1_000_000) {
    throw new InvalidArgumentError("Give a number from 1 to 1000000.");
  }
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError("Give a number above zero, such as 4.");
  }
  return value;
}

function speed(text: string): "full" | "recorded" | number {
  return text === "full" || text === "recorded" ? text : positive(text);
}
