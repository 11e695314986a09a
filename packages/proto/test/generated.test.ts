// Shows that the checked-in *.gen.ts are what the .proto files give, and that nothing of them needs more than type stripping.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { generate } from "../generate.ts";

const source = fileURLToPath(new URL("../src/", import.meta.url));

test("the generated files are those that generate.ts makes of the .proto files", () => {
  const made = generate();
  expect([...made.keys()].sort()).toEqual(
    readdirSync(source)
      .filter((name) => name.endsWith(".gen.ts"))
      .sort(),
  );
  for (const [name, text] of made) expect(readFileSync(source + name, "utf8"), `run node packages/proto/generate.ts: ${name}`).toBe(text);
});

test("the generated files have no enum and no permissive form that the encoders would not take", () => {
  for (const [name, text] of generate()) {
    expect(text, name).not.toMatch(/^\s*(export )?(const )?enum /m);
    expect(text, name).not.toMatch(/\bBuffer\b|\bLong\b(?!\(|\)|\.)/);
  }
});
