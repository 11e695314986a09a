// Rules about the pages for people: links lead somewhere, and every row of docs/limits.md names a bound that the code has
// and a test that goes past it.

import { posix } from "node:path";
import { sourceOf } from "./source.ts";
import { isFixture, partOf, type Rule, sources, type Tree } from "./tree.ts";

function pages(tree: Tree): readonly string[] {
  return tree.paths.filter((path) => path.endsWith(".md") && !isFixture(path));
}

/** The lines of a page with code blocks emptied and code spans blanked: what is left is prose, line numbers kept. */
function prose(text: string): readonly string[] {
  let fence: string | undefined;
  return text.split("\n").map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === undefined && mark === undefined) return line.replaceAll(/`[^`]*`/g, "``");
    if (fence === undefined) fence = mark;
    else if (mark?.startsWith(fence)) fence = undefined;
    return "";
  });
}

/** The anchors of a page, made from its headings as GitHub does. */
function anchorsOf(text: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  let isCode = false;
  for (const line of text.split("\n")) {
    if (/^\s*(```|~~~)/.test(line)) isCode = !isCode;
    const heading = isCode ? undefined : /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const slug = words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(/\s/g, "-");
    let anchor = slug;
    for (let repeat = 1; anchors.has(anchor); repeat++) anchor = `${slug}-${repeat}`;
    anchors.add(anchor);
  }
  return anchors;
}

function isThere(tree: Tree, path: string): boolean {
  const folder = path.replace(/\/$/, "");
  return folder === "." || tree.has(folder) || tree.paths.some((other) => other.startsWith(`${folder}/`));
}

function linkProblem(tree: Tree, page: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [path, anchor] = target.split("#") as [string, string?];
  const file = path === "" ? page : posix.normalize(path.startsWith("/") ? path.slice(1) : posix.join(posix.dirname(page), path));
  if (!isThere(tree, file)) return `"${target}" leads nowhere: there is no ${file}`;
  if (anchor === undefined || !file.endsWith(".md")) return undefined;
  return anchorsOf(tree.read(file)).has(anchor) ? undefined : `"${target}" leads nowhere: ${file} has no heading for #${anchor}`;
}

/** Links inside the repository lead to a file, a folder or a heading that is there. */
export const linksLeadSomewhere: Rule = (tree) =>
  pages(tree).flatMap((page) =>
    prose(tree.read(page)).flatMap((line, at) => {
      const targets = [...line.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g), ...line.matchAll(/^\s*\[[^\]]+\]:\s*<?(\S+?)>?\s*$/g)];
      return targets.flatMap((match) => {
        const problem = linkProblem(tree, page, match[1]!);
        return problem === undefined ? [] : [`${page}:${at + 1}: ${problem}`];
      });
    }),
  );

const limitsPage = "docs/limits.md";
/** `path › name of the test`, as vitest prints it. */
const testReference = /`([^`›]+\.test\.ts) › ([^`]+)`/g;

interface Row {
  readonly line: number;
  readonly text: string;
}

/** The rows of every table of a page, without the two lines that head it. */
function rowsOf(text: string): readonly Row[] {
  const lines = text.split("\n");
  const isRow = (at: number) => lines[at]?.trim().startsWith("|") ?? false;
  const isRule = (at: number) => /^\s*\|[\s:|-]+\|\s*$/.test(lines[at] ?? "");
  return lines.flatMap((line, at) => (isRow(at) && !isRule(at) && !isRule(at + 1) ? [{ line: at + 1, text: line.trim() }] : []));
}

/** Every word of production code, names and strings alike: a bound is a constant or a configuration key. */
function wordsOfProduction(tree: Tree): ReadonlySet<string> {
  const production = sources(tree).filter((path) => partOf(path) === "src");
  return new Set(production.flatMap((path) => sourceOf(tree.read(path)).tokens.map((token) => token.text)));
}

function hasTest(tree: Tree, path: string, name: string): boolean {
  return tree.has(path) && sourceOf(tree.read(path)).tokens.some((token) => token.kind === "text" && token.text === name);
}

function rowProblem(tree: Tree, words: ReadonlySet<string>, row: Row): string | undefined {
  const bound = /`([^`]+)`/.exec(row.text)?.[1];
  if (bound === undefined || bound.includes(" › ")) return "a row begins with the bound's name in backticks, as the code spells it";
  if (!words.has(bound)) return `no file under packages/*/src names ${bound}; take the row out or name the bound as the code does`;
  const references = [...row.text.matchAll(testReference)];
  if (references.length === 0) return `${bound}: name the test that goes one past it: \`packages/x/test/y.test.ts › name of the test\``;
  const missing = references.find((match) => !hasTest(tree, match[1]!, match[2]!));
  return missing === undefined ? undefined : `${bound}: there is no test ${missing[1]} › ${missing[2]}`;
}

/** Once the page is there it has rows, and each names a bound of the code and an existing test. */
export const limitsAreTested: Rule = (tree) => {
  if (!tree.has(limitsPage)) return [];
  const rows = rowsOf(tree.read(limitsPage));
  if (rows.length === 0) return [`${limitsPage}: no row; list every limit, queue, batch, wait and loop with its bound and its test`];
  const words = wordsOfProduction(tree);
  return rows.flatMap((row) => {
    const problem = rowProblem(tree, words, row);
    return problem === undefined ? [] : [`${limitsPage}:${row.line}: ${problem}`];
  });
};
