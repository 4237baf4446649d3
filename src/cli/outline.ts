import type { Command } from "commander";

/** An option of a command, as people write it. */
export interface OptionOutline {
  /** `--to`, or `-c` and `--config`. */
  readonly names: readonly string[];
  /** As in the help: `-c, --config <file>`. */
  readonly flags: string;
  readonly text: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

export interface ArgumentOutline {
  readonly name: string;
  readonly text: string;
}

/** A command with what it takes, in the words of its help. */
export interface CommandOutline {
  /** `outbox list`; "" for the program itself. */
  readonly path: string;
  readonly group: string;
  readonly text: string;
  readonly usage: string;
  readonly arguments: readonly ArgumentOutline[];
  readonly options: readonly OptionOutline[];
  readonly commands: readonly CommandOutline[];
}

/** What a program offers, without what is hidden. */
export function outlineOf(command: Command, path = ""): CommandOutline {
  const help = command.createHelp();
  const inner = help.visibleCommands(command).filter((one) => one.name() !== "help");
  return {
    path,
    group: command.helpGroup().replace(/:$/, ""),
    text: command.description(),
    usage: command.usage(),
    arguments: help.visibleArguments(command).map((argument) => ({
      name: argument.name(),
      text: help.argumentDescription(argument),
    })),
    options: help.visibleOptions(command).map((option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined),
      flags: option.flags,
      text: help.optionDescription(option),
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
    })),
    commands: inner.map((one) => outlineOf(one, `${path} ${one.name()}`.trim())),
  };
}

/** A command and all below it, as the help orders them. */
export function flattened(command: CommandOutline): readonly CommandOutline[] {
  return [command, ...command.commands.flatMap(flattened)];
}
