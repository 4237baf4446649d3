/** One value of a scrape. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A scrape that keeps to Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats). */
export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  readonly series: readonly Series[];
  /** The value of the one series with these labels, and maybe others; undefined where there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;

/** Throws for whatever a strict reader would not take: no HELP or TYPE, families torn apart, a series twice. */
export function parseExposition(text: string): Exposition {
  if (!text.endsWith("\n")) {
    throw new Error("The last line does not end");
  }
  const types = new Map<string, string>();
  const helped = new Set<string>();
  const seen = new Set<string>();
  const series: Series[] = [];
  let family: string | undefined;
  for (const line of text.split("\n")) {
    if (line === "") {
      continue;
    }
    const [, what, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (what === "HELP") {
      if (!NAME.test(name) || helped.has(name)) {
        throw new Error(`HELP of ${name} is wrong or given twice`);
      }
      helped.add(name);
      family = undefined;
    } else if (what === "TYPE") {
      if (!helped.has(name)) {
        throw new Error(`TYPE of ${name} without its HELP`);
      }
      if (types.has(name)) {
        throw new Error(`TYPE of ${name} is given twice`);
      }
      if (!/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) {
        throw new Error(`${name} has no type ${rest}`);
      }
      types.set(name, rest);
      family = name;
    } else {
      const one = parseSample(line);
      if (family === undefined || !isOf(one.name, family, types.get(family))) {
        throw new Error(`Not in its family: ${line}`);
      }
      const key = JSON.stringify([one.name, Object.entries(one.labels).sort()]);
      if (seen.has(key)) {
        throw new Error(`Given twice: ${line}`);
      }
      seen.add(key);
      series.push(one);
    }
  }
  return {
    types,
    series,
    value(name, labels = {}) {
      const found = series.filter(
        (one) => one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
      );
      if (found.length > 1) {
        throw new Error(`${name} ${JSON.stringify(labels)} are ${found.length} series`);
      }
      return found[0]?.value;
    },
  };
}

function parseSample(line: string): Series {
  const [, name, inside = "", number = ""] = SAMPLE.exec(line) ?? [];
  if (name === undefined) {
    throw new Error(`No sample: ${line}`);
  }
  const labels: Record<string, string> = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < inside.length) {
    const [, label, value] = LABEL.exec(inside) ?? [];
    if (label === undefined || value === undefined || label in labels) {
      throw new Error(`Wrong labels: ${line}`);
    }
    labels[label] = value;
  }
  const value = number === "+Inf" ? Number.POSITIVE_INFINITY : Number(number);
  if (Number.isNaN(value)) {
    throw new Error(`No number: ${line}`);
  }
  return { name, labels, value };
}

function isOf(name: string, family: string, type: string | undefined): boolean {
  return type === "histogram"
    ? [`${family}_bucket`, `${family}_sum`, `${family}_count`].includes(name)
    : name === family;
}
