import { type Command, Option } from "commander";
import { configJsonSchema } from "../config/json-schema.ts";
import { TLP } from "../model/vocabulary.ts";
import { formatCompletion, SHELLS, type Shell, shellNamed } from "./completion.ts";
import { type Context, print } from "./context.ts";
import { CHANNELS } from "./init/channel.ts";
import { initCommand } from "./init/init.ts";
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
      "do not ask and do not test: the options below are the answers; needs --endpoint and --max-tlp",
      false,
    )
    .option("--url <url>", "address of MISP")
    .option("--endpoint <address...>", "of MISP's ZeroMQ feed, e.g. tcp://misp:50000")
    .option("--username <name>", "of the ZeroMQ feed")
    .addOption(new Option("--type <type>", "where alerts go").choices(CHANNELS.map(({ value }) => value)))
    .option("--channel <id>", "ID of the Slack channel")
    .option("--api-url <url>", "another Slack, e.g. https://slack-gov.com/api/")
    .addOption(new Option("--max-tlp <level>", "the strictest TLP that is told there").choices(TLP))
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

const INIT_HELP = `
With --yes, secrets come from the environment, and the configuration looks for them there:
  MISP_HERALD_MISP_API_KEY, MISP_HERALD_ZMQ_PASSWORD, MISP_HERALD_SLACK_TOKEN or
  MISP_HERALD_SLACK_WEBHOOK_URL, MISP_HERALD_TEAMS_WEBHOOK_URL, MISP_HERALD_WEBHOOK_URL,
  MISP_HERALD_WEBHOOK_SECRET`;

const COMPLETION_HELP = `
  bash  misp-herald completion bash > ~/.local/share/bash-completion/completions/misp-herald
  zsh   in ~/.zshrc: source <(misp-herald completion zsh)
  fish  misp-herald completion fish > ~/.config/fish/completions/misp-herald.fish`;
