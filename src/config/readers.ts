import { childOf, type Dict, type DictEntry, type Node, quoted, type ReportFault, type Scalar } from "./tree.ts";

const NUMBER = /^[1-9]\d*$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * A sharing group's id says nothing without its instance. A bare one means the only instance, and a warning names the
 * spelling; where there are several it might let through another instance's group, and is an error.
 */
export function qualifyGroups(root: Dict, report: ReportFault): Dict {
  const instances = keysOf(childOf(root, "misp"));
  const reported = new Set<number>();
  const qualify = (node: Node): Node => {
    const text = node.kind === "scalar" && !node.references ? String(node.value) : "";
    if (node.kind !== "scalar" || !NUMBER.test(text)) {
      return node;
    }
    const [only, ...others] = instances;
    if (!reported.has(node.at) && only !== undefined) {
      reported.add(node.at);
      report(bareNumber(node, text, instances));
    }
    return only === undefined || others.length > 0 ? node : { ...node, value: `${only}:${text}` };
  };
  return mapGuards(root, (guard) =>
    mapEntry(guard, "sharing_groups", (groups) =>
      groups.kind === "list" ? { ...groups, items: groups.items.map(qualify) } : groups,
    ),
  );
}

function bareNumber(node: Scalar, text: string, instances: readonly string[]) {
  const spellings = instances.map((instance) => quoted(`${instance}:${text}`));
  const isOne = instances.length === 1;
  return {
    severity: isOne ? "warning" : "error",
    at: node.at,
    end: node.end,
    message: isOne
      ? `sharing group ${text} is read as ${spellings[0]}: each MISP has its own numbers`
      : `sharing group ${text} may be another one on each instance: each MISP has its own numbers`,
    hint: `write ${spellings.join(" or ")}, or the group's UUID`,
  } as const;
}

/** Who reads is said by name or by UUID; only a UUID belongs to one organisation on every instance. */
export function checkAudience(root: Dict, report: ReportFault): void {
  for (const { node } of entriesOf(childOf(root, "destinations"))) {
    const guard = childOf(node, "guard");
    const audience = guard && childOf(guard, "audience");
    const named = (audience?.kind === "list" ? audience.items : []).find(
      (entry): entry is Scalar => entry.kind === "scalar" && !entry.unread && !UUID.test(String(entry.value)),
    );
    if (named) {
      const { at, end } = named;
      const name = named.references ? "an organisation by its name" : quoted(String(named.value));
      report({
        severity: "warning",
        at,
        end,
        message: `audience names ${name}: whoever takes that name on an instance counts as it`,
        hint: "write the organisation's UUID, which MISP shows on its page; said once, of the first name",
      });
      return;
    }
  }
}

function mapGuards(root: Dict, change: (guard: Dict) => Dict): Dict {
  return mapEntry(root, "destinations", (destinations) =>
    destinations.kind !== "map"
      ? destinations
      : {
          ...destinations,
          entries: new Map(
            [...destinations.entries].map(([name, entry]): [string, DictEntry] => [
              name,
              entry.node.kind === "map"
                ? {
                    ...entry,
                    node: mapEntry(entry.node, "guard", (guard) => (guard.kind === "map" ? change(guard) : guard)),
                  }
                : entry,
            ]),
          ),
        },
  );
}

function mapEntry(map: Dict, key: string, change: (node: Node) => Node): Dict {
  const entry = map.entries.get(key);
  return entry ? { ...map, entries: new Map(map.entries).set(key, { ...entry, node: change(entry.node) }) } : map;
}

function entriesOf(node: Node | undefined): readonly DictEntry[] {
  return node?.kind === "map" ? [...node.entries.values()] : [];
}

function keysOf(node: Node | undefined): readonly string[] {
  return node?.kind === "map" ? [...node.entries.keys()] : [];
}
