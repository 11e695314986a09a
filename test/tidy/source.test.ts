// Shows that the rules see what is code and only that: comments, strings, templates and regular expressions told apart.

import { expect, test } from "vitest";
import { sourceOf } from "./source.ts";

const words = (text: string) =>
  sourceOf(text)
    .tokens.filter((token) => token.kind === "word")
    .map((token) => token.text);

test("words in comments, strings, templates and regular expressions are not code, words between template parts are", () => {
  const text = [
    "// Date in a comment",
    'const a = "Date.now()";',
    "const b = `Date ${now(`inner ${deep} Date`)} Date ${{ x: 1 }.x} Date`;",
    "const c = /Date[/]/.test(a) ? 1 / 2 / Infinity : 3;",
    "/* Date */",
  ].join("\n");
  expect(words(text)).toEqual(["const", "a", "const", "b", "now", "deep", "x", "x", "const", "c", "test", "a", "Infinity"]);
});

test("a token knows its line, also behind a template of several lines", () => {
  const { tokens } = sourceOf("const a = `one\ntwo`;\n/* three\nfour */ b;\n");
  expect(tokens.find((token) => token.text === "b")?.line).toBe(4);
});

test("imports are found in every form, with the way in which they run", () => {
  const text = [
    'import "./effect.ts";',
    'import { a, type B } from "./static.ts";',
    'import type { C } from "./type.ts";',
    'import * as d from "./star.ts";',
    'export { e } from "./export.ts";',
    'export * from "./export-all.ts";',
    'export type { F } from "./export-type.ts";',
    'const g = await import("./lazy.ts");',
    'type H = import("./type-query.ts").H;',
    'const j = createRequire(import.meta.url)("required") as typeof k;',
    'export type I = "from"; export { a }; const from = "x"; import.meta.url; x.import("./no.ts");',
  ].join("\n");
  expect(sourceOf(text).imports.map(({ specifier, kind }) => `${kind} ${specifier}`)).toEqual([
    "static ./effect.ts",
    "static ./static.ts",
    "type ./type.ts",
    "static ./star.ts",
    "static ./export.ts",
    "static ./export-all.ts",
    "type ./export-type.ts",
    "lazy ./lazy.ts",
    "lazy ./type-query.ts",
    "lazy required",
  ]);
});

test("the opening of a file is its first comment, up to a blank line, and empty when code comes first", () => {
  expect(sourceOf("#!/usr/bin/env node\n// One job,\n// two lines.\n\n// Something else.\ncode();").opening).toBe("One job, two lines.");
  expect(sourceOf("/**\n * A job.\n */\ncode();").opening).toBe("A job.");
  expect(sourceOf("code(); // Not this.").opening).toBe("");
});
