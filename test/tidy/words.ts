// The project speaks of itself alone: who or what wrote it, and on which machine, is no part of it. This file holds the
// patterns and is the only one that may match them.

import { spawnSync } from "node:child_process";
import { isFixture, type Rule } from "./tree.ts";

interface Pattern {
  readonly pattern: RegExp;
  readonly instead: string;
}

const patterns: readonly Pattern[] = [
  {
    pattern: /\b(claude|anthropic|chatgpt|openai|copilot|gemini|language models?|AI[- ](assistant|generated|agent)s?)\b/i,
    instead: "the project is by its authors; leave the tool out",
  },
  {
    pattern: /\b(sub-?agents?|coding agents?|(this|my|your|our|the) (ai|assistant|agent|prompt))\b/i,
    instead: "say what the code does, not who was told to write it",
  },
  {
    pattern: /\b(in|during|since|from) (this|my|our|an earlier|(a|the) (previous|last|next)) session\b|\b(coding|working) sessions?\b/i,
    instead: "say what is true now; how the work was divided is of no interest",
  },
  {
    pattern: /(^|[\s"'`(=])\/(work|root|home|Users)\/[\w.-]+/,
    instead: "write the path from the top of the repository",
  },
  {
    pattern: /\/tmp\/(brief|bash_jobs|house)\b/,
    instead: "write the path from the top of the repository",
  },
  {
    pattern: /\bhttps?:\/\/(registry|mirror|proxy|npm|artifactory|nexus|verdaccio)\.[\w.-]+/i,
    instead: "name the package, not the host that it came from",
  },
];

function violations(where: (line: number) => string, text: string): readonly string[] {
  return text.split("\n").flatMap((line, at) =>
    patterns.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(line)?.[0].trim();
      return found === undefined ? [] : [`${where(at + 1)}: "${found}": ${instead}`];
    }),
  );
}

const self = "test/tidy/words.ts";
const isText = (path: string) => /(^|\/)[^.]+$|\.(ts|mjs|json|md|ya?ml|proto|txt|patch)$|(^|\/)\.[^/]+$/.test(path);

/** Files that speak of nothing but the project. */
export const filesSpeakOfTheProject: Rule = (tree) =>
  tree.paths
    .filter((path) => path !== self && isText(path) && !isFixture(path))
    .flatMap((path) => violations((line) => `${path}:${line}`, tree.read(path)));

export interface Commit {
  readonly id: string;
  readonly message: string;
}

/** Commit messages that speak of nothing but the project. */
export function commitsSpeakOfTheProject(commits: readonly Commit[]): readonly string[] {
  return commits.flatMap(({ id, message }) => violations((line) => `commit ${id.slice(0, 10)}, line ${line}`, message));
}

/** The commits that this clone knows, newest first; none where the tree came without its history. */
export function history(): readonly Commit[] {
  const run = spawnSync("git", ["log", "--format=%H%n%B%x00"], { encoding: "utf8", maxBuffer: 256 * 1024 * 1024 });
  if (run.status !== 0) return [];
  return run.stdout
    .split("\0")
    .map((entry) => entry.trimStart())
    .filter((entry) => entry !== "")
    .map((entry) => ({ id: entry.slice(0, entry.indexOf("\n")), message: entry.slice(entry.indexOf("\n") + 1) }));
}
