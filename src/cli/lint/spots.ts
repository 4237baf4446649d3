import { childOf, entryAt, type Node, nodeAt, type Path, type Span } from "../../config/tree.ts";

/** Where a value stands; of what stands nowhere by itself, such as a default, the nearest that has it. */
export function spotOf(root: Node, path: Path): Span {
  for (let length = path.length; length > 0; length -= 1) {
    const node = nodeAt(root, path.slice(0, length));
    if (node) {
      return node;
    }
  }
  return root;
}

/** Where a key stands. */
export function keyOf(root: Node, path: Path): Span {
  return entryAt(root, path)?.key ?? spotOf(root, path);
}

/** Where a route is named. */
export function routeSpot(root: Node, index: number): Span {
  const route = nodeAt(root, ["routes", index]);
  return (route && childOf(route, "name")) ?? spotOf(root, ["routes", index]);
}
