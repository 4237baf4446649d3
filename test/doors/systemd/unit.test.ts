import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { DEFAULT_CONFIG } from "../../../src/cli/reach.ts";
import { DEFAULT_SOCKET } from "../../../src/doors/socket/socket.ts";

const ROOT = new URL("../../../", import.meta.url);
const textOf = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

/** The values of each key, by section; what a later line sets anew is a value more. */
function parseUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) {
      continue;
    }
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    if (name !== undefined) {
      section = name;
      continue;
    }
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      throw new Error(`No line of a unit: ${line}`);
    }
    values.set(`${section}.${key}`, [...(values.get(`${section}.${key}`) ?? []), value]);
  }
  return values;
}

const unit = parseUnit(textOf("systemd/misp-herald.service"));
const service = (key: string) => unit.get(`Service.${key}`)?.join("\n");
const seconds = (text: string | undefined) => {
  const [, n, scale] = /^(\d+)(s|min)$/.exec(text ?? "") ?? [];
  return Number(n) * (scale === "min" ? 60 : 1);
};

test("the unit runs and reloads the command that the package brings, with the configuration of its directory", () => {
  const { bin } = JSON.parse(textOf("package.json"));
  expect(Object.keys(bin)).toEqual(["misp-herald"]);
  expect(service("ExecStart")).toBe(`/usr/bin/env misp-herald run -c $\{CONFIGURATION_DIRECTORY}/config.yaml`);
  expect(service("ExecReload")).toBe(`/usr/bin/env misp-herald reload -c $\{CONFIGURATION_DIRECTORY}/config.yaml`);
  expect(`/etc/${service("ConfigurationDirectory")}/config.yaml`).toBe(DEFAULT_CONFIG);
  expect(`/run/${service("RuntimeDirectory")}/control.sock`).toBe(DEFAULT_SOCKET);
  expect(`/var/lib/${service("StateDirectory")}/state.db`).toMatch(
    new RegExp(textOf("config.yaml.example").match(/^ {2}path: (\S+)/m)?.[1] ?? "^$"),
  );
});

test("its user and group are those that systemd-sysusers makes", () => {
  const lines = textOf("systemd/misp-herald.sysusers.conf")
    .split("\n")
    .filter((line) => /^\w/.test(line));
  expect(lines).toHaveLength(1);
  const [type, name] = lines[0]?.split(/\s+/) ?? [];
  expect(type).toBe("u");
  expect([service("User"), service("Group")]).toEqual([name, name]);
});

test("systemd is told by another process, restarts what hangs, and waits for longer than the program does to stop", () => {
  expect(service("Type")).toBe("notify");
  expect(service("NotifyAccess")).toBe("all");
  expect(seconds(service("WatchdogSec"))).toBeGreaterThanOrEqual(60);
  expect(service("Restart")).toBe("on-failure");
  expect(unit.has("Unit.StartLimitIntervalSec") && unit.has("Unit.StartLimitBurst")).toBe(true);
  const [, stopWithin] = /STOP_WITHIN_MS = ([\d_]+)/.exec(textOf("src/main.ts")) ?? [];
  expect(seconds(service("TimeoutStopSec")) * 1000).toBeGreaterThan(Number(stopWithin?.replaceAll("_", "")));
});

test("the state is the service's alone, and the group reaches the control socket", () => {
  expect(service("StateDirectoryMode")).toBe("0700");
  expect(service("RuntimeDirectoryMode")).toBe("0750");
  expect(service("UMask")).toBe("0077");
});

test.each([
  ["NoNewPrivileges", "yes"],
  ["CapabilityBoundingSet", ""],
  ["ProtectSystem", "strict"],
  ["ProtectHome", "yes"],
  ["PrivateTmp", "yes"],
  ["PrivateDevices", "yes"],
  ["PrivateUsers", "yes"],
  ["ProtectProc", "invisible"],
  ["RestrictNamespaces", "yes"],
  ["RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"],
  ["SystemCallArchitectures", "native"],
  ["SystemCallFilter", "@system-service @pkey\n~@privileged @resources\nsched_setscheduler"],
  ["LimitCORE", "0"],
])("%s is %j", (key, value) => {
  expect(service(key)).toBe(value);
});

test("what V8 needs is not forbidden", () => {
  expect(unit.has("Service.MemoryDenyWriteExecute")).toBe(false);
});

test("each line of the unit that the page explains is in the unit, and the page installs both files", () => {
  const page = textOf("docs/systemd.md");
  const explained = [...page.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`(\w+)=(\S*)`/g)].map(([, key = "", value = ""]) => ({ key, value })),
  );
  expect(explained.length).toBeGreaterThan(8);
  for (const { key, value } of explained) {
    expect(service(key), key).toMatch(new RegExp(`^${value}`));
  }
  for (const file of ["misp-herald.service", "misp-herald.sysusers.conf"]) {
    expect(page).toContain(`systemd/${file}`);
  }
});

const FILE = new URL("systemd/misp-herald.service", ROOT).pathname;
const analyze = (...args: readonly string[]) => spawnSync("systemd-analyze", args, { encoding: "utf8" });
const hasAnalyze = /--offline/.test(analyze("--help").stdout ?? "");
if (!hasAnalyze) {
  process.stdout.write("systemd-analyze is missing or too old: what it says of the unit is not tested\n");
}

test.skipIf(!hasAnalyze)("systemd finds nothing wrong with the unit, and rates its exposure 1.5 at most", () => {
  const { status, stderr } = analyze("verify", FILE);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const { stdout } = analyze("security", "--offline=true", "--no-pager", FILE);
  expect(Number(/exposure level for misp-herald\.service: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThanOrEqual(1.5);
});
