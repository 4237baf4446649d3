import { InvalidArgumentError } from "commander";
import { type CommandOutline, flattened, type OptionOutline } from "./outline.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** Throws commander's error for a shell that is not one of these. */
export function shellNamed(text: string): Shell {
  const shell = SHELLS.find((one) => one === text);
  if (shell === undefined) {
    throw new InvalidArgumentError(`There is completion for ${SHELLS.join(", ")}.`);
  }
  return shell;
}

/** Code that completes commands, options, choices, files, and names of destinations, which it asks the program for. */
export function formatCompletion(program: CommandOutline, shell: Shell): string {
  return shell === "fish" ? formatFish(program) : formatBash(program, shell);
}

const HEAD = "# Completion for misp-herald; made by: misp-herald completion";
const SHELL_NAMES = SHELLS.join(" ");

/** What a value may be, from the name that stands for it. */
function kindOf({ flags, choices }: OptionOutline): "names" | "files" | "nothing" | readonly string[] {
  if (choices.length > 0) {
    return choices;
  }
  if (/^--(to|destination)\b/.test(flags)) {
    return "names";
  }
  return /<(file|path)>/.test(flags) ? "files" : "nothing";
}

function argumentOf(command: CommandOutline): string {
  const name = command.arguments[0]?.name;
  if (name === "destination") {
    return "names";
  }
  if (name === "shell") {
    return `"${SHELL_NAMES}"`;
  }
  return name === "file" || name === "message" ? "files" : "nothing";
}

/** One function for both; zsh runs it through its own emulation of bash's completion. */
function formatBash(program: CommandOutline, shell: "bash" | "zsh"): string {
  const all = flattened(program);
  const words = (list: readonly string[]) => `"${list.join(" ")}"`;
  const ends = (command: CommandOutline) => command.path.split(" ").at(-1) ?? "";
  const commands = all.filter(({ commands: inner }) => inner.length > 0);
  const valued = all.flatMap(({ path, options }) =>
    options.filter(({ takesValue }) => takesValue).map((option) => ({ path, option })),
  );
  const lines = [
    `${HEAD} ${shell}`,
    ...(shell === "zsh"
      ? ["(( $+functions[compdef] )) || { autoload -Uz compinit; compinit }", "autoload -Uz bashcompinit; bashcompinit"]
      : []),
    "_misp_herald() {",
    `  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" at="" config="" list="" value="" i`,
    "  COMPREPLY=()",
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    `    case "\${COMP_WORDS[i]}" in -c|--config) config="\${COMP_WORDS[i+1]}" ;; esac`,
    `    case "$at:\${COMP_WORDS[i]}" in`,
    ...commands.map(
      (command) =>
        `      ${command.commands.map((one) => `"${command.path}:${ends(one)}"`).join("|")}) at="\${at:+$at }\${COMP_WORDS[i]}" ;;`,
    ),
    "    esac",
    "  done",
    '  case "$at:$previous" in',
    ...valued.map(({ path, option }) => {
      const value = kindOf(option);
      const kind = typeof value === "string" ? value : words(value);
      return `    ${option.names.map((name) => `"${path}:${name}"`).join("|")}) value=${kind} ;;`;
    }),
    "  esac",
    "  if [[ -z $value && $current != -* ]]; then",
    '    case "$at" in',
    ...all.map((command) =>
      command.commands.length > 0
        ? `      "${command.path}") value=${words(command.commands.map(ends))} ;;`
        : `      "${command.path}") value=${argumentOf(command)} ;;`,
    ),
    "    esac",
    "  fi",
    '  case "$value" in',
    `    names) list="$(misp-herald destination-names \${config:+-c "$config"} 2>/dev/null)" ;;`,
    '    files) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$current")); return ;;',
    "    nothing) ;;",
    '    "")',
    '      case "$at" in',
    ...all.map(
      (command) => `        "${command.path}") list=${words(command.options.flatMap(({ names }) => names))} ;;`,
    ),
    "      esac ;;",
    '    *) list="$value" ;;',
    "  esac",
    '  COMPREPLY=($(compgen -W "$list" -- "$current"))',
    "}",
    "complete -F _misp_herald misp-herald",
  ];
  return lines.join("\n");
}

function formatFish(program: CommandOutline): string {
  const quote = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const names = quote("(__misp_herald_names)");
  const conditionOf = (command: CommandOutline, siblings: readonly string[] = []) => {
    const parts = command.path.split(" ").filter((part) => part !== "");
    if (parts.length === 0) {
      return "__fish_use_subcommand";
    }
    const seen = parts.map((part) => `__fish_seen_subcommand_from ${part}`);
    return [...seen, ...(siblings.length > 0 ? [`not __fish_seen_subcommand_from ${siblings.join(" ")}`] : [])].join(
      "; and ",
    );
  };
  const lines = flattened(program).flatMap((command) => {
    const inner = command.commands.map(({ path }) => path.split(" ").at(-1) ?? "");
    const when = `complete -c misp-herald -n ${quote(conditionOf(command, inner))}`;
    const argument = argumentOf(command);
    return [
      ...command.commands.map(({ text }, i) => `${when} -f -a ${inner[i]} -d ${quote(text)}`),
      ...(argument === "names" ? [`${when} -f -a ${names}`] : []),
      ...(argument === "nothing" ? [`${when} -f`] : []),
      ...(argument.startsWith('"') ? [`${when} -f -a ${quote(SHELL_NAMES)}`] : []),
      ...command.options.map((option) => {
        const value = kindOf(option);
        const flags = option.names.map((name) =>
          name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
        );
        const values =
          value === "files"
            ? "-rF"
            : value === "names"
              ? `-xa ${names}`
              : value === "nothing"
                ? "-x"
                : `-xa ${quote(value.join(" "))}`;
        return `${when} ${flags.join(" ")}${option.takesValue ? ` ${values}` : ""} -d ${quote(option.text)}`;
      }),
    ];
  });
  return [
    `${HEAD} fish`,
    "function __misp_herald_names",
    "  set -l words (commandline -opc)",
    "  for i in (seq (count $words))",
    "    if contains -- $words[$i] -c --config; and test $i -lt (count $words)",
    "      misp-herald destination-names -c $words[(math $i + 1)] 2>/dev/null",
    "      return",
    "    end",
    "  end",
    "  misp-herald destination-names 2>/dev/null",
    "end",
    ...lines,
  ].join("\n");
}
