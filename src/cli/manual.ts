import { type CommandOutline, flattened } from "./outline.ts";
import { wrap } from "./paragraphs.ts";

/** The manual page, in the macros of man(7); `date` is that of the build, `2026-11-28`. */
export function formatManual(program: CommandOutline, version: string, date: string): string {
  const commands = flattened(program).filter(({ path, commands: inner }) => path !== "" && inner.length === 0);
  const groups = [...new Set(program.commands.map(({ group }) => group))];
  const groupOf = (command: CommandOutline) =>
    program.commands.find(({ path }) => path === command.path.split(" ")[0])?.group ?? "";
  return [
    `.TH MISP\\-HERALD 1 "${date}" "misp\\-herald ${roff(version)}" "User Commands"`,
    ".SH NAME",
    "misp\\-herald \\- tell the right people what happens in MISP",
    ".SH SYNOPSIS",
    ".B misp\\-herald",
    ".I command",
    "[options]",
    ".SH DESCRIPTION",
    ...paragraph(program.text),
    ".SH COMMANDS",
    ...groups.flatMap((group) => [
      `.SS ${roff(group)}`,
      ...commands.filter((command) => groupOf(command) === group).flatMap(formatCommand),
    ]),
    ...SECTIONS.flatMap(({ title, items }) => [
      `.SH ${title}`,
      ...items.flatMap(([term, text]) => [".TP", `.B ${roff(term)}`, ...paragraph(text)]),
    ]),
    ".SH EXAMPLES",
    ...EXAMPLES.flatMap(([text, line], i) => [
      ...(i > 0 ? [".PP"] : []),
      ...[...paragraph(text), ".PP", ".nf", ".RS", roff(line), ".RE", ".fi"],
    ]),
    ".SH SEE ALSO",
    "README.md and docs/ of the package, systemd/misp\\-herald.service",
    "",
  ].join("\n");
}

/** The same for a browser: `docs/commands.md`. */
export function formatCommands(program: CommandOutline): string {
  const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
  return [
    "# Commands",
    "",
    "Made from the program by `npm run docs`; `misp-herald COMMAND --help` and `man misp-herald` say the same.",
    ...flattened(program)
      .filter(({ path, commands }) => path !== "" && commands.length === 0)
      .flatMap((command) => [
        "",
        `## misp-herald ${command.path}`,
        "",
        `\`misp-herald ${command.path} ${command.usage}\``,
        "",
        `${cell(sentence(command.text))}`,
        "",
        "| | |",
        "|---|---|",
        ...command.arguments.map(({ name, text }) => `| \`<${name}>\` | ${cell(text)} |`),
        ...command.options.map(({ flags, text }) => `| \`${flags}\` | ${cell(text)} |`),
      ]),
    "",
  ].join("\n");
}

function formatCommand(command: CommandOutline): readonly string[] {
  const inner = [
    ...command.arguments.flatMap(({ name, text }) => [".TP", `.I ${roff(`<${name}>`)}`, ...paragraph(text)]),
    ...command.options
      .filter(({ names }) => !names.includes("--help"))
      .flatMap(({ flags, text }) => [".TP", `.B ${roff(flags)}`, ...paragraph(text)]),
  ];
  return [
    ".TP",
    `\\fB${roff(command.path)}\\fR ${roff(command.usage)}`,
    ...paragraph(sentence(command.text)),
    ...(inner.length > 0 ? [".RS", ...inner, ".RE"] : []),
  ];
}

const SECTIONS: readonly { readonly title: string; readonly items: readonly (readonly [string, string])[] }[] = [
  {
    title: "EXIT STATUS",
    items: [
      ["0", "Good."],
      ["1", "The answer is no: an invalid configuration, an unusable state file, a refused send."],
      ["2", "Wrong usage."],
    ],
  },
  {
    title: "ENVIRONMENT",
    items: [
      ["MISP_HERALD_CONFIG", "The configuration, where -c names none."],
      ["CREDENTIALS_DIRECTORY", `Where $\{credential:NAME} of the configuration is read; systemd sets it.`],
      ["NO_COLOR", "No colours on a terminal."],
      ["(others)", `Whatever the configuration names as $\{NAME}.`],
    ],
  },
  {
    title: "FILES",
    items: [
      ["/etc/misp-herald/config.yaml", "The configuration."],
      ["/var/lib/misp-herald/state.db", "What is owed, and what is known of events (state.path)."],
      ["/run/misp-herald/control.sock", "Where commands talk to the running service (control)."],
    ],
  },
  {
    title: "SIGNALS",
    items: [
      ["SIGTERM, SIGINT", "End attempts in flight, keep what is owed, and stop; a second one ends at once."],
      ["SIGHUP", "Read the configuration again, as reload does."],
    ],
  },
];

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["See it working, without MISP:", "misp-herald demo"],
  [
    "Make a configuration, and look at what it will do:",
    "misp-herald init -c config.yaml && misp-herald check -c config.yaml",
  ],
  ["Does the feed arrive?", "misp-herald tail --endpoint tcp://misp:50000"],
  ["Send one alert marked TEST to the destination soc:", "misp-herald send-test soc"],
  ["Why was nobody told of event 4711?", "misp-herald explain 4711"],
];

/** Of the page's source, before its escapes; the page itself is filled by whatever shows it. */
const LINE = 68;

function paragraph(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => wrap(line, LINE).map(roff));
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** Nothing in a text is a request of roff, and a hyphen stays one that can be searched for and copied. */
function roff(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/[^\x20-\x7e]/g, (letter) => `\\[u${letter.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}]`);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}
