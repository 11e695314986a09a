// Shows that what runs in the simulation is the product: every module of the packages that has code is loaded by it, but for the few
// that touch the outside world.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
];

function modulesWithCode(): readonly string[] {
  return readdirSync(join(root, "packages"))
    .flatMap((name) =>
      readdirSync(join(root, "packages", name, "src"), { recursive: true, encoding: "utf8" }).map((path) => `packages/${name}/src/${path}`),
    )
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts") && hasCode(path))
    .sort();
}

/** Whether anything is left of a module when its types are gone. */
function hasCode(path: string): boolean {
  const code = stripTypeScriptTypes(readFileSync(join(root, path), "utf8"));
  return code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|export \{\};?|import type .*/g, "").trim() !== "";
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
  const left = modulesWithCode().filter((path) => !loaded.has(path));
  expect(left.filter((path) => !outside.some((pattern) => pattern.test(path)))).toEqual([]);
});
