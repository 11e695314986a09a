// Shows that a patch changes exactly what it names, wherever the lines have moved to, and is refused where they are gone.

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { applyPatch, parsePatch } from "./patch.ts";

const patch = `What the bug is.

--- a/a.ts
+++ b/a.ts
@@ -2,3 +2,3 @@
 two
-three
+drei
 four
`;

function folderWith(content: string): string {
  const folder = mkdtempSync(join(tmpdir(), "varve-patch-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "a.ts"), content);
  return folder;
}

test("a patch is applied where its lines stand", () => {
  const folder = folderWith("one\ntwo\nthree\nfour\nfive\n");
  applyPatch(folder, patch);
  expect(readFileSync(join(folder, "a.ts"), "utf8")).toBe("one\ntwo\ndrei\nfour\nfive\n");
});

test("a patch is applied where its lines have moved to", () => {
  const folder = folderWith("zero\nzero\nzero\none\ntwo\nthree\nfour\n");
  applyPatch(folder, patch);
  expect(readFileSync(join(folder, "a.ts"), "utf8")).toBe("zero\nzero\nzero\none\ntwo\ndrei\nfour\n");
});

test("a patch whose lines are gone is refused", () => {
  expect(() => applyPatch(folderWith("one\ntwo\nother\nfour\n"), patch)).toThrow("a.ts: the hunk at line 2 fits nowhere any more");
});

test("a patch that changes no file is refused", () => {
  expect(() => applyPatch(folderWith(""), "words alone\n")).toThrow("the patch changes no file");
});

test("every planted bug can be planted in the tree as it stands", () => {
  const root = join(import.meta.dirname, "../../..");
  for (const name of readdirSync(import.meta.dirname).filter((file) => file.endsWith(".patch"))) {
    const text = readFileSync(join(import.meta.dirname, name), "utf8");
    const folder = folderWith("");
    for (const { path } of parsePatch(text)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      copyFileSync(join(root, path), join(folder, path));
    }
    expect(() => applyPatch(folder, text), name).not.toThrow();
  }
});

test("every planted bug says what it is and changes product code alone", () => {
  const names = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".patch"));
  expect(names.length).toBeGreaterThanOrEqual(11);
  for (const name of names) {
    const text = readFileSync(join(import.meta.dirname, name), "utf8");
    expect(text.split("\n")[0], name).toMatch(/^[A-Z].{20,}\.$/);
    for (const { path } of parsePatch(text)) expect(path, name).toMatch(/^packages\/[a-z-]+\/src\//);
  }
});
