import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix, relative } from "node:path";
import ts from "typescript";

/** One import: of a module by its name (`guard/guard`), or of a package (`zod`, `node:fs`). */
export interface Import {
  readonly target: string;
  readonly isLocal: boolean;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

/** One file of src/. */
export interface Module {
  /** Its path below src/, without `.ts`. */
  readonly name: string;
  readonly text: string;
  readonly imports: readonly Import[];
  readonly exportedTypes: readonly string[];
  readonly exportedValues: readonly string[];
}

/** All files of src/, by name. */
export type Modules = ReadonlyMap<string, Module>;

/** Every file below `folder` that ends in `.ts`. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path) : path.endsWith(".ts") ? [path] : [];
  });
}

/** Reads all files below `src`. */
export function readModules(src: string): Modules {
  const modules = filesBelow(src).map((path) =>
    parseModule(relative(src, path).replaceAll("\\", "/").replace(/\.ts$/, ""), readFileSync(path, "utf8")),
  );
  return new Map(modules.map((one) => [one.name, one]));
}

/** What a file imports and exports. */
export function parseModule(name: string, text: string): Module {
  const file = ts.createSourceFile(`${name}.ts`, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const types = new Set<string>();
  const values = new Set<string>();
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (specifier && ts.isStringLiteral(specifier)) {
      imports.push(importOf(name, specifier.text, typeOnly));
    }
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly);
    } else if (ts.isImportTypeNode(node)) {
      add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  for (const statement of file.statements) {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) {
      continue;
    }
    if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
      types.add(statement.name.text);
    } else if (ts.isClassDeclaration(statement) && statement.name) {
      types.add(statement.name.text);
      values.add(statement.name.text);
    } else if (ts.isFunctionDeclaration(statement) && statement.name) {
      values.add(statement.name.text);
    } else if (ts.isVariableStatement(statement)) {
      for (const { name: declared } of statement.declarationList.declarations) {
        if (ts.isIdentifier(declared)) {
          values.add(declared.text);
        }
      }
    }
  }
  return { name, text, imports, exportedTypes: [...types], exportedValues: [...values] };
}

function importOf(from: string, specifier: string, typeOnly: boolean): Import {
  const isLocal = specifier.startsWith(".");
  const target = isLocal ? posix.join(posix.dirname(from), specifier).replace(/\.ts$/, "") : specifier;
  return { target, isLocal, typeOnly };
}

/** The same files, but for one that is new or has another text. */
export function withModule(modules: Modules, name: string, text: string): Modules {
  return new Map(modules).set(name, parseModule(name, text));
}

/** The same files, but one of them begins with a further line, such as an import. */
export function withLine(modules: Modules, name: string, line: string): Modules {
  const before = modules.get(name);
  if (!before) {
    throw new Error(`There is no file src/${name}.ts`);
  }
  return withModule(modules, name, `${line}\n${before.text}`);
}

/** The room of a file: its first folder, or the file itself at the top of src/. */
export function roomOf(name: string): string {
  return name.split("/")[0] ?? name;
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** Which rooms import which, itself left out. */
export function roomGraph(modules: Modules): Graph {
  return graphBy(modules, roomOf);
}

function graphBy(modules: Modules, groupOf: (name: string) => string | undefined): Graph {
  const graph = new Map<string, Set<string>>();
  for (const { name, imports } of modules.values()) {
    const group = groupOf(name);
    if (group === undefined) {
      continue;
    }
    const targets = graph.get(group) ?? new Set();
    graph.set(group, targets);
    for (const { target, isLocal } of imports) {
      const other = isLocal ? groupOf(target) : undefined;
      if (other !== undefined && other !== group) {
        targets.add(other);
      }
    }
  }
  return graph;
}

/** Each circle of a graph once, such as `a → b → a`. */
export function circlesOf(graph: Graph): readonly string[] {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      circles.push([...path.slice(path.indexOf(name)), name].join(" → "));
    } else if (!done.has(name)) {
      for (const target of graph.get(name) ?? []) {
        visit(target, [...path, name]);
      }
      done.add(name);
    }
  };
  for (const name of graph.keys()) {
    visit(name, []);
  }
  return circles;
}

/** Circles of single files. */
export function fileCircles(modules: Modules): readonly string[] {
  return circlesOf(graphBy(modules, (name) => name));
}

/** Circles of folders: of rooms, and of the folders side by side within a room. */
export function folderCircles(modules: Modules): readonly string[] {
  const parents = new Set(
    [...modules.keys()].flatMap((name) => {
      const folders = name.split("/").slice(0, -1);
      return folders.map((_, depth) =>
        folders
          .slice(0, depth)
          .map((folder) => `${folder}/`)
          .join(""),
      );
    }),
  );
  return [...parents].flatMap((parent) =>
    circlesOf(
      graphBy(modules, (name) => {
        const [folder, ...rest] = name.startsWith(parent) ? name.slice(parent.length).split("/") : [];
        return rest.length > 0 && folder !== undefined ? `${parent}${folder}` : undefined;
      }),
    ),
  );
}

/** The rooms by floors, lowest first: each imports only what is below it. Throws where a circle leaves no such order. */
export function floorsOf(modules: Modules): readonly (readonly string[])[] {
  const graph = roomGraph(modules);
  const floors: string[][] = [];
  const placed = new Set<string>();
  while (placed.size < graph.size) {
    const floor = [...graph].flatMap(([room, targets]) =>
      !placed.has(room) && [...targets].every((target) => placed.has(target)) ? room : [],
    );
    if (floor.length === 0) {
      throw new Error(`Rooms import in a circle: ${circlesOf(graph).join("; ")}`);
    }
    for (const room of floor) {
      placed.add(room);
    }
    floors.push(floor.sort());
  }
  return floors;
}

/** The fewest files that lead from one to the other by imports of code, both included; undefined: none do. */
export function shortestPath(modules: Modules, from: string, to: string): readonly string[] | undefined {
  return pathsOfCode(modules, from).get(to);
}

/** Every file that is loaded with `from`, with the shortest chain of imports to it. */
export function pathsOfCode(modules: Modules, from: string): ReadonlyMap<string, readonly string[]> {
  const paths = new Map<string, readonly string[]>([[from, [from]]]);
  for (const [name, path] of paths) {
    for (const { target, isLocal, typeOnly } of modules.get(name)?.imports ?? []) {
      if (isLocal && !typeOnly && !paths.has(target)) {
        paths.set(target, [...path, target]);
      }
    }
  }
  return paths;
}

/** A text without comments, as far as a look for words in the code needs. */
export function withoutComments(text: string): string {
  return text.replace(/^\s*(\/\*\*?|\*|\/\/).*$/gm, "").replace(/\s\/\/ .*$/gm, "");
}

/** Exported types of which two files mean different things. */
export function ambiguousTypes(modules: Modules): readonly string[] {
  const homes = new Map<string, string[]>();
  for (const { name, exportedTypes } of modules.values()) {
    for (const type of exportedTypes) {
      homes.set(type, [...(homes.get(type) ?? []), name]);
    }
  }
  return [...homes].flatMap(([type, files]) => (files.length > 1 ? [`${type}: ${files.join(", ")}`] : []));
}

/** Places in names and text of the code, comments included, that use one of `words`, also as a part such as in `openGate`. */
export function usesOf(words: readonly string[], modules: Modules): readonly string[] {
  const banned = new Set(words.flatMap((word) => [word, `${word}s`]));
  return [...modules.values()].flatMap(({ name, text }) => {
    const parts = `${name}\n${text}`.match(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])/g) ?? [];
    const found = new Set(parts.map((part) => part.toLowerCase()).filter((part) => banned.has(part)));
    return [...found].map((word) => `${name}: ${word}`);
  });
}

/** Words that the code has a place for: exported names, files and folders, in lower case and without hyphens. */
export function placesOf(modules: Modules): ReadonlySet<string> {
  const names = [...modules.values()].flatMap(({ name, exportedTypes, exportedValues }) => [
    ...name.split("/"),
    ...exportedTypes,
    ...exportedValues,
  ]);
  return new Set(names.map((name) => name.replaceAll("-", "").toLowerCase()));
}
