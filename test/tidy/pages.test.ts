// Shows that links inside the repository lead somewhere and that the page of limits names bounds and tests that exist.

import { expect, test } from "vitest";
import { limitsAreTested, linksLeadSomewhere } from "./pages.ts";
import { planted, repository } from "./tree.ts";

test("every link inside the repository leads somewhere", () => {
  expect(linksLeadSomewhere(repository())).toEqual([]);
});

test("a link to a missing file and to a missing heading are found; code, folders, the web and real headings are not", () => {
  const page = [
    "# A page, really",
    "[here](#a-page-really) [there](sub/b.md#second--part) [folder](../proto) [web](https://example.org/x) `[code](nowhere.md)`",
    "```",
    "[fenced](nowhere.md)",
    "```",
    "[gone](gone.md), [no heading](sub/b.md#third) and ![picture](p.svg)",
    "[reference]: lost.md",
  ];
  const tree = planted({ "docs/a.md": page.join("\n"), "docs/sub/b.md": "## Second & part\n", "proto/varve/v1/data.proto": "" });
  expect(linksLeadSomewhere(tree)).toEqual([
    'docs/a.md:6: "gone.md" leads nowhere: there is no docs/gone.md',
    'docs/a.md:6: "sub/b.md#third" leads nowhere: docs/sub/b.md has no heading for #third',
    'docs/a.md:6: "p.svg" leads nowhere: there is no docs/p.svg',
    'docs/a.md:7: "lost.md" leads nowhere: there is no docs/lost.md',
  ]);
});

test("every row of docs/limits.md names a bound of the code and an existing test", () => {
  expect(limitsAreTested(repository())).toEqual([]);
});

const head = "| Bound | Value | Test |\n|---|---|---|\n";
const code = {
  "packages/log/src/a.ts": 'export const batchBytesMax = 1; const table = { "segment.bytes": 2 };',
  "packages/log/test/a.test.ts": 'test("a batch of one byte more is refused", () => {});',
};

test("rows whose bound is a constant or a configuration key and whose test exists are accepted", () => {
  const rows = [
    "| `batchBytesMax` | 1 | `packages/log/test/a.test.ts › a batch of one byte more is refused` |",
    "| `segment.bytes` | 2 | `packages/log/test/a.test.ts › a batch of one byte more is refused` |",
  ];
  expect(limitsAreTested(planted({ ...code, "docs/limits.md": head + rows.join("\n") }))).toEqual([]);
});

test("a page without rows, a bound that the code lacks, a row without a test and a missing test are found", () => {
  const rows = [
    "| `queueMax` | 1 | `packages/log/test/a.test.ts › a batch of one byte more is refused` |",
    "| `batchBytesMax` | 1 | soon |",
    "| `batchBytesMax` | 1 | `packages/log/test/a.test.ts › a batch of two bytes more is refused` |",
    "| the batch | 1 | - |",
  ];
  expect(limitsAreTested(planted({ ...code, "docs/limits.md": head + rows.join("\n") }))).toEqual([
    "docs/limits.md:3: no file under packages/*/src names queueMax; take the row out or name the bound as the code does",
    "docs/limits.md:4: batchBytesMax: name the test that goes one past it: `packages/x/test/y.test.ts › name of the test`",
    "docs/limits.md:5: batchBytesMax: there is no test packages/log/test/a.test.ts › a batch of two bytes more is refused",
    "docs/limits.md:6: a row begins with the bound's name in backticks, as the code spells it",
  ]);
  expect(limitsAreTested(planted({ ...code, "docs/limits.md": head }))).toHaveLength(1);
});
