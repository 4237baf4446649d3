import { parseArgs } from "node:util";

/** One line of the table: a figure that was taken several times in one run. */
export interface Row {
  readonly name: string;
  /** What came in while it was measured. */
  readonly stream: string;
  /** What it must reach, in words. */
  readonly must: string;
  readonly figures: readonly number[];
  /** `×` for a ratio of two figures of the same run, which is all that a shared machine can tell. */
  readonly unit: string;
}

/** How a benchmark is run; `smoke`: only to see that it runs, with numbers that say nothing. */
export interface BenchOptions {
  readonly smoke: boolean;
  readonly runs: number;
}

/** Runs one benchmark as a program of its own: prints its rows as a table or, with `--json`, as one line. */
export async function bench(measure: (options: BenchOptions) => Promise<readonly Row[]>): Promise<void> {
  const { values } = parseArgs({
    options: {
      smoke: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      runs: { type: "string" },
    },
  });
  const runs = Number(values.runs ?? (values.smoke ? 1 : 5));
  const rows = await measure({ smoke: values.smoke, runs });
  process.stdout.write(values.json ? `${JSON.stringify(rows)}\n` : formatRows(rows));
}

/** The rows as a Markdown table: median, and the smallest and largest figure. */
export function formatRows(rows: readonly Row[]): string {
  const lines = rows.map(({ name, stream, must, figures, unit }) => {
    const sorted = [...figures].sort((a, b) => a - b);
    const [low = Number.NaN, high = Number.NaN] = [sorted[0], sorted.at(-1)];
    const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    const spread = `${format(low)} to ${format(high)}`;
    return `| ${[name, stream, `${format(median)} ${unit}`, spread, must].join(" | ")} |`;
  });
  return ["| Measured | Stream | Median | Spread | Must be |", "|---|---|---|---|---|", ...lines, ""].join("\n");
}

function format(figure: number): string {
  // What never came is Infinity, which JSON does not have.
  if (!Number.isFinite(figure)) {
    return "never";
  }
  return Math.abs(figure) >= 100 ? figure.toFixed(0) : figure.toPrecision(3);
}
