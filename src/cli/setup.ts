import { type Command, InvalidArgumentError, Option } from "commander";
import { configJsonSchema } from "../config/json-schema.ts";
import { TLP, type Tlp } from "../model/vocabulary.ts";
import { formatCompletion, SHELLS, type Shell, shellNamed } from "./completion.ts";
import { type Context, print } from "./context.ts";
import { CHANNELS } from "./init/channel.ts";
import { variableOf } from "./init/document.ts";
import { initCommand } from "./init/init.ts";
import { tlpNamed } from "./init/questions.ts";
import { SECRETS } from "./init/unattended.ts";
import { destinationNames } from "./names.ts";
import { outlineOf } from "./outline.ts";

/** What helps to begin: a configuration, its schema, and the shell's completion. */
export function addSetupCommands(
  program: Command,
  context: Context,
  finish: (code: 0 | 1) => void,
  config: () => Option,
): void {
  program
    .command("init")
    .description("make a configuration by answering a few questions; tests the connections as it goes")
    .addOption(config())
    .option("--force", "replace the file without asking", false)
    .option(
      "--yes",
      "do not ask and do not test: the options below are the answers; needs --endpoint and --max-tlp, and for email --smtp-host, --from and --to",
      false,
    )
    .option("--url <url>", "address of MISP")
    .option("--endpoint <address...>", "of MISP's ZeroMQ feed, e.g. tcp://misp:50000")
    .option("--username <name>", "of the ZeroMQ feed")
    .addOption(new Option("--type <type>", "where alerts go").choices(CHANNELS.map(({ value }) => value)))
    .option("--channel <id>", "ID of the Slack channel")
    .option("--api-url <url>", "another Slack, e.g. https://slack-gov.com/api/")
    .option("--smtp-host <host>", "mail server, with --type email")
    .option("--smtp-port <port>", "its port; 465 is TLS from the first byte", whole)
    .option("--smtp-username <name>", "user name there")
    .option("--from <address>", 'sender, e.g. "MISP Herald <herald@example.org>"')
    .option("--to <address...>", "recipients")
    .option("--max-tlp <level>", `the strictest TLP that is told there: ${TLP.join(", ")}`, tlp)
    .option("--audience <organisation...>", "who reads it")
    .addHelpText("after", INIT_HELP)
    .action(async (options) => finish(await initCommand(options, context)));
  program
    .command("schema")
    .description("JSON Schema of the configuration, for editors: misp-herald schema > config.schema.json")
    .action(() => print(context.stdout, JSON.stringify(configJsonSchema(), null, 2)));
  program
    .command("completion")
    .description("code that completes commands and options in a shell")
    .argument("<shell>", SHELLS.join(", "), shellNamed)
    .addHelpText("after", COMPLETION_HELP)
    .action((shell: Shell) => print(context.stdout, formatCompletion(outlineOf(program), shell)));
  program
    .command("destination-names", { hidden: true })
    .description("the names in a configuration, for completion; silent where it cannot be read")
    .addOption(config())
    .action(async (options) => {
      for (const name of await destinationNames(options.config)) {
        print(context.stdout, name);
      }
    });
}

function tlp(text: string): Tlp {
  const level = tlpNamed(text);
  if (level === undefined) {
    throw new InvalidArgumentError(`Give one of ${TLP.join(", ")}.`);
  }
  return level;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value)) {
    throw new InvalidArgumentError("Give a number, such as 587.");
  }
  return value;
}

const INIT_HELP = `
With --yes, secrets come from the environment, and the configuration looks for them there:
${SECRETS.map(({ name, when }) => `  ${variableOf(name).padEnd(31)} ${when}`).join("\n")}`;

const COMPLETION_HELP = `
  bash  misp-herald completion bash > ~/.local/share/bash-completion/completions/misp-herald
  zsh   in ~/.zshrc: source <(misp-herald completion zsh)
  fish  misp-herald completion fish > ~/.config/fish/completions/misp-herald.fish`;
