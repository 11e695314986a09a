// Shows that what runs in the simulation is the product: every module of the packages that has code is loaded by it, but for the few
// that touch the outside world.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a simulation has to do without. */
const outside: readonly RegExp[] = [
  /^packages\/runtime\/src\/node\//,
  /^packages\/transport-grpc\/src\/grpc-js\//,
  /^packages\/cli\//,
  /^packages\/load\//,
  /^packages\/server\/src\/http\//,
  // The same server over Node's ports: which process it is, and how it ends.
  /^packages\/server\/src\/node\.ts$/,
  // The contract as data, for programs that speak gRPC without our code.
  /^packages\/proto\/src\/descriptor\.gen\.ts$/,
];
/**
 * Consensus is no part of a server before the controller depends on it; until then its own random histories run it (packages/raft/test). From
 * that day on this says nothing any more, and a seed must load it.
 */
function waitsForTheController(path: string): boolean {
  return path.startsWith("packages/raft/") && !readFileSync(join(root, "packages/controller/package.json"), "utf8").includes("@varve/raft");
}
/** Suites for tests. */
const suites = /^packages\/[a-z-]+\/src\/contract\//;

function modulesWithCode(): readonly string[] {
  return readdirSync(join(root, "packages"))
    .flatMap((name) =>
      readdirSync(join(root, "packages", name, "src"), { recursive: true, encoding: "utf8" }).map((path) => `packages/${name}/src/${path}`),
    )
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts") && !suites.test(path) && hasCode(path))
    .sort();
}

/** Whether anything is left of a module when its types are gone, in itself or in what it exports on. */
function hasCode(path: string): boolean {
  const source = readFileSync(join(root, path), "utf8");
  const code = stripTypeScriptTypes(source).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|export \{\s*\};?/g, "");
  const passedOn = [...code.matchAll(/export \* from "(\.[^"]+)";/g)].map(([, target]) => join(dirname(path), target as string));
  return code.replaceAll(/export \* from "[^"]+";/g, "").trim() !== "" || passedOn.some(hasCode);
}

function modulesThatSeedsLoad(count: number): ReadonlySet<string> {
  const folder = mkdtempSync(join(tmpdir(), "varve-loaded-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "modules.txt");
  const args = [
    "--import",
    join(root, "test/sim/note-loaded-modules.ts"),
    join(root, "test/sim/main.ts"),
    "--seeds",
    String(count),
    "--jobs",
    "1",
  ];
  const run = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", env: { ...process.env, VARVE_LOADED_MODULES: file } });
  expect(run.stdout).toMatch(/^sim: \d+ seeds, 0 violations/m);
  return new Set(readFileSync(file, "utf8").split("\n"));
}

test("a simulation loads every module of the packages but those that touch the outside world", () => {
  const loaded = modulesThatSeedsLoad(3);
  const left = modulesWithCode().filter((path) => !loaded.has(path) && !waitsForTheController(path));
  expect(left.filter((path) => !outside.some((pattern) => pattern.test(path)))).toEqual([]);
});
