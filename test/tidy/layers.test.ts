// Shows that imports go down only: in the source files, in the package.json files, and in the table that says so.

import { expect, test } from "vitest";
import { importsGoDown, manifestsGoDown, rooms, tableIsSound } from "./layers.ts";
import { planted, repository } from "./tree.ts";

const manifests = Object.fromEntries(Object.keys(rooms).map((room) => [`packages/${room}/package.json`, "{}"]));

function importing(path: string, code: string): readonly string[] {
  return importsGoDown(planted({ ...manifests, [path]: code }));
}

test("the table has only imports that go down", () => {
  expect(tableIsSound(rooms)).toEqual([]);
});

test("a table with an import upwards, sideways or into nothing is refused", () => {
  const room = (layer: number, ...mayImport: string[]) => ({ layer, job: "planted", mayImport });
  expect(tableIsSound({ a: room(0, "b"), b: room(1), c: room(1, "b"), d: room(2, "x") })).toEqual([
    "a (layer 0) may import b (layer 1), which is not below it",
    "c (layer 1) may import b (layer 1), which is not below it",
    "d may import x, which is no room",
  ]);
});

test("every import of the repository keeps to the table", () => {
  expect(importsGoDown(repository())).toEqual([]);
});

test("every package.json of the repository keeps to the table", () => {
  expect(manifestsGoDown(repository())).toEqual([]);
});

test("an import upwards is answered with what the room may import and with the way out", () => {
  expect(importing("packages/log/src/log.ts", '\nimport type { Broker } from "@varve/broker";')).toEqual([
    "packages/log/src/log.ts:2: log (layer 2) may import model, runtime, record, not broker (layer 4, answers requests; turns metadata changes into partitions and groups): imports go down only, never sideways. Let whoever composes the two pass in what is needed, or move the code to the room whose job it is.",
  ]);
});

test("an import sideways, lazily, or of a lower room that the table does not grant is refused", () => {
  expect(importing("packages/partition/src/a.ts", 'import { c } from "@varve/controller";')).toHaveLength(1);
  expect(importing("packages/partition/src/a.ts", 'await import("@varve/transport-grpc");')).toHaveLength(1);
  expect(importing("packages/record/src/a.ts", 'export * from "@varve/raft";')).toHaveLength(1);
  expect(importing("packages/cli/src/a.ts", 'import { s } from "@varve/sim";')).toHaveLength(1);
});

test("a package's tests may import sim, its production code may not", () => {
  expect(importing("packages/log/test/a.test.ts", 'import { s } from "@varve/sim";')).toEqual([]);
  expect(importing("packages/log/src/a.ts", 'import { s } from "@varve/sim";')).toHaveLength(1);
});

test("a path into another package, an unknown package and an unknown entry point are refused", () => {
  expect(importing("packages/log/src/a.ts", 'import { b } from "../../record/src/b.ts";')).toEqual([
    'packages/log/src/a.ts:1: "../../record/src/b.ts" leaves packages/log: import the package by its name, or move the file',
  ]);
  expect(importing("packages/log/src/deep/a.ts", 'import { b } from "../b.ts";')).toEqual([]);
  expect(importing("packages/log/src/a.ts", 'import { b } from "@varve/nothing";')).toHaveLength(1);
  expect(importing("test/a.test.ts", 'import { b } from "@varve/record/src/crc.ts";')).toHaveLength(1);
});

test("bench and tests ask deploy/ what is run; packages do not", () => {
  expect(importing("bench/a.ts", 'import { b } from "../deploy/program.mjs";')).toEqual([]);
  expect(importing("bench/a.ts", 'import { b } from "../deploy/start.ts";')).toHaveLength(1);
  expect(importing("packages/cli/src/a.ts", 'import { b } from "../../../deploy/program.mjs";')).toHaveLength(1);
});

test("a contract suite is imported by tests only", () => {
  expect(importing("packages/sim/test/a.test.ts", 'import { disk } from "@varve/runtime/contract";')).toEqual([]);
  expect(importing("packages/sim/src/a.ts", 'import { disk } from "@varve/runtime/contract";')).toHaveLength(1);
});

test("Node is reached by those who start a process, lazily by client and by server's composition, by nobody else", () => {
  const eager = 'import { nodePorts } from "@varve/runtime/node";';
  const lazy = 'const { nodePorts } = await import("@varve/runtime/node");';
  expect(importing("packages/cli/src/main.ts", eager)).toEqual([]);
  expect(importing("packages/server/src/node.ts", eager)).toEqual([]);
  expect(importing("packages/client/src/connect.ts", lazy)).toEqual([]);
  expect(importing("packages/client/src/connect.ts", eager)).toHaveLength(1);
  expect(importing("packages/server/src/compose.ts", eager)).toHaveLength(1);
  expect(importing("packages/broker/src/broker.ts", lazy)).toHaveLength(1);
});

test("a package.json that reaches upwards, names no room or offers another entry point is refused", () => {
  const broken = planted({
    "packages/log/package.json": JSON.stringify({
      dependencies: { "@varve/broker": "workspace:*", level: "catalog:" },
      devDependencies: { "@varve/sim": "workspace:*" },
      exports: { ".": "./src/index.ts", "./internal": "./src/internal.ts" },
    }),
    "packages/extras/package.json": "{}",
  });
  expect(manifestsGoDown(broken)).toEqual([
    "packages/extras/package.json: extras is in no layer; add it to the design and to test/tidy/layers.ts",
    expect.stringContaining("packages/log/package.json: log (layer 2) may import model, runtime, record, not broker"),
    'packages/log/package.json: "./internal" is no entry point; there are ., ./contract, ./package.json',
  ]);
});
