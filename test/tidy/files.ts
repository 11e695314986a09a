// Rules about single files and their places: what the top level holds, names, size, how a file opens, marks of unfinished
// work, and that every production file is reached from somewhere.

import { posix } from "node:path";
import { sourceOf, type Token } from "./source.ts";
import { isFixture, isSource, packageOf, partOf, type Rule, sources, type Tree } from "./tree.ts";

const topLevel = [
  ...["package.json", "tsconfig.json", "pnpm-workspace.yaml", "pnpm-lock.yaml", "README.md", "CHANGELOG.md", "LICENSE"],
  ...["proto", "packages", "deploy", "test", "bench", "docs"],
];

/** The top level is the map of the project, so it holds the few things that everyone has to see. */
export const topLevelIsSmall: Rule = (tree) =>
  [...new Set(tree.paths.map((path) => path.split("/")[0]!))]
    .filter((name) => !name.startsWith(".") && !topLevel.includes(name))
    .map((name) => `${name}: the top level holds only ${topLevel.join(", ")} and dotfiles; put it below one of them`);

const emptyNames = ["util", "utils", "common", "helper", "helpers", "misc", "type", "types", "manager", "stuff"];
// Names that others look for and read as they are.
const givenNames = /^(README\.md|CHANGELOG\.md|LICENSE|Dockerfile|\..+)$/;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*$/;

/** Files and folders are kebab-case and named for what they hold. */
export const namesSayWhatIsInside: Rule = (tree) =>
  tree.paths
    .filter((path) => !isFixture(path))
    .flatMap((path) => {
      const parts = path.split("/");
      const found: string[] = [];
      for (const [at, part] of parts.entries()) {
        const isFile = at === parts.length - 1;
        if (isFile && givenNames.test(part)) continue;
        if (!part.startsWith(".") && !kebabCase.test(part)) found.push(`${path}: "${part}" is not kebab-case`);
        if (emptyNames.includes(part.split(".")[0]!)) found.push(`${path}: "${part}" says nothing; name it for what it holds`);
      }
      return found;
    });

const fileLinesMax = 400;
const isGenerated = (path: string) => path.endsWith(".gen.ts");

/** A file past the bound holds more than one decision. */
export const filesAreShort: Rule = (tree) =>
  sources(tree)
    .filter((path) => !isGenerated(path))
    .flatMap((path) => {
      const { lines } = sourceOf(tree.read(path));
      return lines <= fileLinesMax ? [] : [`${path}: ${lines} lines; split it by decision (at most ${fileLinesMax})`];
    });

const openingCharactersMin = 30;

/** A file opens with its room's job. */
export const filesOpenWithTheirJob: Rule = (tree) =>
  sources(tree).flatMap((path) => {
    const { opening } = sourceOf(tree.read(path));
    if (opening.length >= openingCharactersMin) return [];
    const what = opening === "" ? "opens without a comment" : `opens with "${opening}"`;
    return [`${path}: ${what}; say in one to three lines what this file does and what it leaves to others`];
  });

const unfinished = ["TODO", "FIXME", "XXX", "HACK"];
const unfinishedPattern = new RegExp(`\\b(${unfinished.join("|")})\\b`);

/** Unfinished work is an issue, not a mark in a file. */
export const nothingIsMarkedUnfinished: Rule = (tree) =>
  tree.paths
    .filter((path) => !isFixture(path) && path !== "pnpm-lock.yaml" && path !== "test/tidy/files.ts")
    .flatMap((path) =>
      tree
        .read(path)
        .split("\n")
        .flatMap((line, at) => {
          const mark = unfinishedPattern.exec(line)?.[0];
          return mark === undefined ? [] : [`${path}:${at + 1}: ${mark}: do it, or open an issue and take the mark out`];
        }),
    );

const runnerNames = ["test", "it", "describe", "suite", "bench"];

function bannedWord(tokens: readonly Token[], at: number): string | undefined {
  const { kind, text } = tokens[at]!;
  const isMember = tokens[at - 1]?.text === ".";
  if (kind !== "word" || isMember) return undefined;
  if (text === "enum" && tokens[at + 1]?.kind === "word" && tokens[at + 2]?.text === "{") {
    return "enum is not erasable; write a table of literals `as const` or a union of strings";
  }
  const way = tokens[at + 2]?.text ?? "";
  if (runnerNames.includes(text) && tokens[at + 1]?.text === "." && /^(skip|only|todo)$/.test(way)) {
    return `${text}.${way}: make it pass or remove it; a test that does not run shows nothing`;
  }
  return undefined;
}

/** No enum, no test that is switched off or switches others off. */
export const nothingIsSwitchedOff: Rule = (tree) =>
  sources(tree).flatMap((path) => {
    const { tokens } = sourceOf(tree.read(path));
    return tokens.flatMap((token, at) => {
      const violation = bannedWord(tokens, at);
      return violation === undefined ? [] : [`${path}:${token.line}: ${violation}`];
    });
  });

/** Started by a person or by the launcher; together with every package's `exports` the roots of what is reached. */
const mains = ["packages/cli/src/main.ts", "packages/server/src/main.ts"];

function entriesOf(tree: Tree, folder: string): readonly string[] {
  const manifest = JSON.parse(tree.read(`${folder}/package.json`)) as { exports?: Record<string, unknown> };
  return Object.values(manifest.exports ?? {}).flatMap((entry) =>
    typeof entry === "string" && entry.endsWith(".ts") ? [posix.join(folder, entry)] : [],
  );
}

/** The files of the tree that a file names: by import, or by a relative path in a string (`new URL("./worker.ts", …)`). */
function namedBy(tree: Tree, path: string): readonly string[] {
  const { tokens } = sourceOf(tree.read(path));
  return tokens
    .filter((token) => token.kind === "text" && /^\.{1,2}\/.*\.ts$/.test(token.text))
    .map((token) => posix.join(posix.dirname(path), token.text))
    .filter((target) => tree.has(target));
}

/** No production file is left that no entry point reaches; what only a test needs belongs to the tests. */
export const everyFileIsReached: Rule = (tree) => {
  const folders = tree.paths.filter((path) => /^packages\/[^/]+\/package\.json$/.test(path)).map((path) => packageOf(path)!);
  const waiting = [...folders.flatMap((folder) => entriesOf(tree, folder)), ...mains].filter((path) => tree.has(path));
  const reached = new Set(waiting);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const target of namedBy(tree, path)) {
      if (reached.has(target)) continue;
      reached.add(target);
      waiting.push(target);
    }
  }
  const isCandidate = (path: string) => partOf(path) === "src" && isSource(path) && !path.endsWith(".d.ts");
  return tree.paths
    .filter((path) => isCandidate(path) && !reached.has(path))
    .map((path) => `${path}: no entry point reaches it; import it, move it to the tests that need it, or delete it`);
};
