// Unified diffs applied to a folder, without a program that a bare machine may lack. A patch that does not fit exactly is refused.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Hunk {
  /** Where it begins in the file before, from 0 on. */
  readonly start: number;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

interface FilePatch {
  readonly path: string;
  readonly hunks: readonly Hunk[];
}

/** Changes the files below `folder`. @throws when a hunk's context is nowhere in its file. */
export function applyPatch(folder: string, patch: string): void {
  const files = parsePatch(patch);
  if (files.length === 0) throw new Error("the patch changes no file");
  for (const { path, hunks } of files) {
    const file = join(folder, path);
    writeFileSync(file, applyHunks(path, readFileSync(file, "utf8").split("\n"), hunks).join("\n"));
  }
}

export function parsePatch(patch: string): readonly FilePatch[] {
  const files: { path: string; hunks: Hunk[] }[] = [];
  let hunk: { start: number; before: string[]; after: string[] } | undefined;
  for (const line of patch.split("\n")) {
    const path = /^\+\+\+ b\/(.+)$/.exec(line)?.[1];
    const start = /^@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@/.exec(line)?.[1];
    if (path !== undefined) {
      files.push({ path, hunks: [] });
      hunk = undefined;
    } else if (start !== undefined) {
      hunk = { start: Number(start) - 1, before: [], after: [] };
      files.at(-1)?.hunks.push(hunk);
    } else if (line.startsWith("diff ") || line.startsWith("--- ")) {
      hunk = undefined;
    } else if (hunk !== undefined && (line === "" || " +-".includes(line[0] as string))) {
      if (line !== "" && line[0] !== "+") hunk.before.push(line.slice(1));
      if (line !== "" && line[0] !== "-") hunk.after.push(line.slice(1));
    }
  }
  return files;
}

function applyHunks(path: string, lines: readonly string[], hunks: readonly Hunk[]): readonly string[] {
  const changed = [...lines];
  let shift = 0;
  for (const { start, before, after } of hunks) {
    const at = placeOf(changed, before, start + shift);
    if (at === undefined) throw new Error(`${path}: the hunk at line ${start + 1} fits nowhere any more`);
    changed.splice(at, before.length, ...after);
    shift = at - start + after.length - before.length;
  }
  return changed;
}

/** The place nearest to `wanted` where the lines stand. */
function placeOf(lines: readonly string[], wanted: readonly string[], near: number): number | undefined {
  for (let distance = 0; distance <= lines.length; distance++) {
    for (const at of [near - distance, near + distance]) {
      if (at >= 0 && wanted.every((line, index) => lines[at + index] === line)) return at;
    }
  }
  return undefined;
}
