// Shows that the package.json files and the imports agree, that versions are pinned once, and that the parts are built in.

import { expect, test } from "vitest";
import { builtOfItsParts, declaredIsImported, importsAreDeclared, versionsStandInTheCatalog } from "./dependencies.ts";
import { planted, repository } from "./tree.ts";

const json = (manifest: object) => JSON.stringify(manifest);

test("everything that is imported is declared", () => {
  expect(importsAreDeclared(repository())).toEqual([]);
});

test("an undeclared import is found, in production code also when only tests have the dependency", () => {
  const tree = planted({
    "package.json": json({ devDependencies: { vitest: "catalog:" } }),
    "packages/log/package.json": json({
      dependencies: { "@varve/model": "workspace:*" },
      devDependencies: { "@varve/sim": "workspace:*" },
    }),
    "packages/log/src/a.ts": 'import "@varve/model";\nimport "@varve/sim";\nimport "vitest";',
    "packages/log/src/contract/suite.ts": 'import "vitest";',
    "packages/log/test/a.test.ts": 'import "@varve/log/contract";\nimport "@varve/sim";\nimport "vitest";\nimport "level";',
  });
  expect(importsAreDeclared(tree)).toEqual([
    'packages/log/src/a.ts:2: imports @varve/sim: add it to "dependencies" of packages/log/package.json',
    'packages/log/src/a.ts:3: imports vitest: add it to "dependencies" of packages/log/package.json',
    'packages/log/test/a.test.ts:4: imports level: add it to "devDependencies" of packages/log/package.json',
  ]);
});

test("everything that is declared is imported", () => {
  expect(declaredIsImported(repository())).toEqual([]);
});

test("a dependency that nobody or only a test imports is found", () => {
  const tree = planted({
    "package.json": json({ devDependencies: { typescript: "catalog:", "fast-check": "catalog:" } }),
    "packages/log/package.json": json({ dependencies: { level: "catalog:", pino: "catalog:" }, devDependencies: { yaml: "catalog:" } }),
    "packages/log/src/a.ts": "export {};",
    "packages/log/test/a.test.ts": 'import "pino";',
    "test/package.json": json({ dependencies: { kafkajs: "catalog:", yaml: "catalog:" } }),
    "test/a.test.ts": 'import "kafkajs/src/protocol";',
  });
  expect(declaredIsImported(tree)).toEqual([
    "packages/log/package.json: level: nobody imports it, so remove it",
    'packages/log/package.json: pino: only tests import it, so move it to "devDependencies"',
    "packages/log/package.json: yaml: no test imports it, so remove it",
    "test/package.json: yaml: nobody imports it, so remove it",
    "package.json: fast-check: nobody imports it, so remove it",
  ]);
});

test("every version stands in the catalog, pinned and used", () => {
  expect(versionsStandInTheCatalog(repository())).toEqual([]);
});

test("a version of its own, a range and an entry without use are found", () => {
  const tree = planted({
    "package.json": json({ devDependencies: { vitest: "^5.0.0" } }),
    "packages/log/package.json": json({ dependencies: { "@varve/model": "^0.1.0", level: "catalog:" } }),
    "pnpm-workspace.yaml":
      'packages:\n  - packages/*\n\ncatalog:\n  "@grpc/grpc-js": 1.14.7\n  level: ^10.0.0\n\noverrides:\n  x: ^1.0.0\n',
  });
  expect(versionsStandInTheCatalog(tree)).toEqual([
    'package.json: vitest is "^5.0.0"; write "catalog:"',
    'packages/log/package.json: @varve/model is "^0.1.0"; write "workspace:*"',
    "pnpm-workspace.yaml: @grpc/grpc-js: no package.json uses it, so remove it",
    "pnpm-workspace.yaml: level is ^10.0.0; pin one version",
  ]);
});

test("production code imports each part that the product is built of", () => {
  expect(builtOfItsParts(repository())).toEqual([]);
});

test("a part that only tests import, or of which only the types are imported, is missed", () => {
  const tree = planted({
    "packages/runtime/src/node/store.ts":
      'import { Level } from "level"; import type { Logger } from "pino"; await import("@grpc/grpc-js");',
    "packages/proto/src/load.ts": 'import { loadSync } from "@grpc/proto-loader";',
    "packages/proto/test/load.test.ts": 'import protobuf from "protobufjs";',
  });
  expect(builtOfItsParts(tree)).toEqual([
    "protobufjs: no file under packages/*/src imports it; the product is built of it",
    "pino: no file under packages/*/src imports it; the product is built of it",
  ]);
});
