// Shows that files lie where they belong, are named for what they hold, are short, finished, switched on and reached.

import { expect, test } from "vitest";
import {
  everyFileIsReached,
  filesAreShort,
  filesOpenWithTheirJob,
  namesSayWhatIsInside,
  nothingIsMarkedUnfinished,
  nothingIsSwitchedOff,
  topLevelIsSmall,
} from "./files.ts";
import { planted, repository } from "./tree.ts";

test("the top level holds what everyone has to see and nothing else", () => {
  expect(topLevelIsSmall(repository())).toEqual([]);
});

test("another folder or file at the top level is found, a dotfile is not", () => {
  const found = topLevelIsSmall(planted({ "scripts/a.mjs": "", "notes.md": "", ".editorconfig": "", ".ci/run": "", "docs/a.md": "" }));
  expect(found.map((line) => line.split(":")[0])).toEqual(["notes.md", "scripts"]);
});

test("every name is kebab-case and says what is inside", () => {
  expect(namesSayWhatIsInside(repository())).toEqual([]);
});

test("a name in another case and a name without a meaning are found, fixtures and given names are not", () => {
  const names = [
    "src/batchWriter.ts",
    "src/utils.ts",
    "src/helpers/a.ts",
    "src/types.test.ts",
    "test/fixtures/A_b.bin",
    "README.md",
    "src/ambient.d.ts",
  ];
  expect(namesSayWhatIsInside(planted(Object.fromEntries(names.map((name) => [name, ""]))))).toEqual([
    'src/batchWriter.ts: "batchWriter.ts" is not kebab-case',
    'src/helpers/a.ts: "helpers" says nothing; name it for what it holds',
    'src/types.test.ts: "types.test.ts" says nothing; name it for what it holds',
    'src/utils.ts: "utils.ts" says nothing; name it for what it holds',
  ]);
});

test("no file is longer than 400 lines", () => {
  expect(filesAreShort(repository())).toEqual([]);
});

test("a file of 401 lines is found, generated files and fixtures are not", () => {
  const long = "a();\n".repeat(401);
  const files = { "packages/log/src/a.ts": long, "packages/log/src/b.ts": "a();\n".repeat(400), "packages/proto/src/c.gen.ts": long };
  expect(filesAreShort(planted({ ...files, "packages/log/test/fixtures/d.ts": long }))).toEqual([
    "packages/log/src/a.ts: 401 lines; split it by decision (at most 400)",
  ]);
});

test("every file opens with its job", () => {
  expect(filesOpenWithTheirJob(repository())).toEqual([]);
});

test("a file that opens with code or with an empty phrase is found", () => {
  const files = {
    "a.ts": "import {} from 'b';\n// Too late to say what this file is for.",
    "b.ts": "// Segments.\ncode();",
    "c.mjs": "code();",
  };
  expect(filesOpenWithTheirJob(planted(files)).map((line) => line.slice(0, 30))).toEqual([
    "a.ts: opens without a comment;",
    'b.ts: opens with "Segments."; ',
    "c.mjs: opens without a comment",
  ]);
});

test("nothing is marked as unfinished", () => {
  expect(nothingIsMarkedUnfinished(repository())).toEqual([]);
});

test("a mark of unfinished work is found in code and in pages", () => {
  const mark = ["TO", "DO"].join("");
  expect(
    nothingIsMarkedUnfinished(planted({ "a.ts": `// One.\n// ${mark}: two.`, "docs/b.md": `${mark} this`, "c.ts": "const todo = 1;" })),
  ).toEqual([
    `a.ts:2: ${mark}: do it, or open an issue and take the mark out`,
    `docs/b.md:1: ${mark}: do it, or open an issue and take the mark out`,
  ]);
});

test("no enum, and no test is switched off", () => {
  expect(nothingIsSwitchedOff(repository())).toEqual([]);
});

test("an enum, a skipped, a narrowed and a planned test are found, words and strings that look alike are not", () => {
  const code = [
    "enum Colour { Red }",
    'test.skip("a", f);',
    'describe.only("b", f);',
    'it.todo("c");',
    'batch.skip(1); "test.only"; test("enum x {", f);',
  ];
  expect(nothingIsSwitchedOff(planted({ "a.test.ts": code.join("\n") })).map((line) => line.split(":")[1])).toEqual(["1", "2", "3", "4"]);
});

test("every production file is reached from an entry point", () => {
  expect(everyFileIsReached(repository())).toEqual([]);
});

test("a file that only a test or only another lost file imports is found, a worker named by its path is not", () => {
  const tree = planted({
    "packages/log/package.json": JSON.stringify({ exports: { ".": "./src/index.ts", "./package.json": "./package.json" } }),
    "packages/log/src/index.ts": 'export * from "./log.ts";',
    "packages/log/src/log.ts": 'new Worker(new URL("./deep/worker.ts", import.meta.url));',
    "packages/log/src/deep/worker.ts": "",
    "packages/log/src/lost.ts": 'import "./lost-too.ts";',
    "packages/log/src/lost-too.ts": 'import "./lost.ts";',
    "packages/log/test/lost.test.ts": 'import "../src/lost.ts";',
  });
  expect(everyFileIsReached(tree).map((line) => line.split(":")[0])).toEqual(["packages/log/src/lost-too.ts", "packages/log/src/lost.ts"]);
});
