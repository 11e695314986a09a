// Planted bugs: each patch of this folder is applied to a copy of the tree, and the general checks (random seeds of the simulation, random
// histories of the log; of a quorum, where consensus is patched) run in the copy until one of them fails. A bug that none finds, or a patch
// that no longer applies, is a failure; so is a finding where nothing is wrong. `node test/sim/bugs/run.ts [part of a name …]`.

import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyPatch } from "./patch.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const bugsFolder = fileURLToPath(new URL(".", import.meta.url));

/** A bug that survives so many has not been found. */
const seedsMax = 120;
const historiesMax = 20_000;
const quorumsMax = 20_000;
/** A patch without a bug must survive so many. */
const soundSeeds = 30;
const soundHistories = 1_000;
const historiesPerRun = 400;
/** Seeds that other batches do not begin with. */
const firstSeed = 500_001;
const huntMsMax = 600_000;

/** Whose name says so changes nothing that matters. */
const isSound = (name: string) => name.endsWith("nothing.patch");

interface Finding {
  readonly by: "seeds" | "histories" | "quorums";
  readonly count: number;
  readonly what: string;
}

/** A folder with the tree as it stands here, and what was installed. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), "varve-bug-"));
  const copied = (path: string) => !path.includes("/node_modules/.cache");
  for (const name of ["package.json", "tsconfig.json", "proto", "packages", "test"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true, verbatimSymlinks: true, filter: copied });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  return copy;
}

/** Runs a program in the copy. Resolves with its output and exit code; "gave up" when it was ended from here. */
function run(
  copy: string,
  args: readonly string[],
  running: Set<ChildProcess>,
): Promise<{ readonly output: string; readonly code: number | null }> {
  return new Promise((resolve) => {
    const output: Buffer[] = [];
    const child = spawn(process.execPath, args, { cwd: copy, stdio: ["ignore", "pipe", "pipe"], timeout: huntMsMax });
    running.add(child);
    child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => output.push(chunk));
    child.on("close", (code) => {
      running.delete(child);
      resolve({ output: Buffer.concat(output).toString(), code });
    });
  });
}

async function huntBySeeds(copy: string, count: number, running: Set<ChildProcess>): Promise<Finding | undefined> {
  const { output } = await run(copy, ["test/sim/bugs/hunt.ts", String(count), String(firstSeed)], running);
  const line = output.trim().split("\n").at(-1) ?? "";
  if (running.size === 0 && line === "") return undefined;
  if (!line.startsWith("{")) throw new Error(`the simulation ended by itself: ${line}`);
  const { seeds, found } = JSON.parse(line) as { readonly seeds: number; readonly found?: string };
  return found === undefined ? undefined : { by: "seeds", count: seeds, what: found };
}

const programs = { histories: "packages/log/test/history/main.ts", quorums: "packages/raft/test/main.ts" } as const;

async function huntByHistories(
  copy: string,
  by: keyof typeof programs,
  count: number,
  running: Set<ChildProcess>,
): Promise<Finding | undefined> {
  for (let done = 0; done < count; done += historiesPerRun) {
    const share = Math.min(historiesPerRun, count - done);
    const { output, code } = await run(copy, [programs[by], String(share), String(firstSeed + done)], running);
    if (code === null) return undefined;
    if (code === 0) continue;
    const what = output.split("\n").find((line) => line !== "") ?? "failed";
    const seed = /\bseed (\d+)/.exec(what)?.[1];
    return { by, count: seed === undefined ? done + share : Number(seed) - firstSeed + 1, what };
  }
  return undefined;
}

/** The server does not use `raft` yet: no seed of it would find anything there. */
const isOfConsensus = (patch: string) => patch.includes("packages/raft/src/");

/** Resolves with the first finding; all searches end with it. */
async function hunt(copy: string, patch: string, seeds: number, histories: number): Promise<Finding | undefined> {
  const running = new Set<ChildProcess>();
  let first: Finding | undefined;
  const searches = isOfConsensus(patch)
    ? [huntByHistories(copy, "quorums", quorumsMax, running)]
    : [huntBySeeds(copy, seeds, running), huntByHistories(copy, "histories", histories, running)];
  await Promise.all(
    searches.map(async (search) => {
      const finding = await search;
      if (finding === undefined || first !== undefined) return;
      first = finding;
      for (const child of running) child.kill("SIGKILL");
    }),
  );
  return first;
}

async function tryPatch(name: string): Promise<boolean> {
  const startedMs = performance.now();
  const copy = copyTree();
  let verdict: string;
  let isGood = false;
  try {
    const patch = readFileSync(join(bugsFolder, name), "utf8");
    applyPatch(copy, patch);
    const sound = isSound(name);
    const finding = await hunt(copy, patch, sound ? soundSeeds : seedsMax, sound ? soundHistories : historiesMax);
    isGood = sound === (finding === undefined);
    if (finding !== undefined) verdict = `found by ${finding.count} ${finding.by}: ${finding.what.slice(0, 160)}`;
    else verdict = sound ? `nothing found in ${soundSeeds} seeds and ${soundHistories} histories` : "NOT FOUND";
  } catch (error) {
    verdict = `does not apply: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
  process.stdout.write(`${isGood ? "ok    " : "FAILED"} ${basename(name, ".patch").padEnd(44)} ${verdict} (${seconds} s)\n`);
  return isGood;
}

/** @param parts of the names of those to try; all of them when there are none. @returns the exit code. */
export async function runBugs(parts: readonly string[]): Promise<number> {
  const names = readdirSync(bugsFolder)
    .filter((name) => name.endsWith(".patch") && (parts.length === 0 || parts.some((part) => name.includes(part))))
    .sort();
  let failed = 0;
  for (const name of names) if (!(await tryPatch(name))) failed++;
  process.stdout.write(`bugs: ${names.length} patches, ${failed} failures\n`);
  return failed === 0 && names.length > 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await runBugs(process.argv.slice(2));
