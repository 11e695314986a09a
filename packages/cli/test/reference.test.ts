// The pages for people say what the tables say: docs/cli.md is the command tree, docs/operations.md holds the settings and exit codes.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Property, printValue, serverConfigTable } from "@varve/model";
import { expect, test } from "vitest";
import { referencePage, serverExitTable } from "./reference.ts";

const page = (name: string) => fileURLToPath(new URL(`../../../docs/${name}`, import.meta.url));

function settingsTable(): string {
  const rows = Object.entries<Property>(serverConfigTable).map(([key, property]) => {
    const preset = printValue(property.default);
    const bounds =
      "min" in property ? `${property.min} to ${property.max}` : "choices" in property ? (property.choices ?? []).join(", ") : "";
    const type = property.type === "ms" ? "duration" : property.type === "bytes" ? "size" : property.type;
    return `| \`${key}\` | ${type}${bounds === "" ? "" : `: ${bounds}`} | ${preset === "" ? "" : `\`${preset}\``} | ${property.about} |`;
  });
  return ["| setting | value | default | |", "|---|---|---|---|", ...rows].join("\n");
}

test("docs/cli.md is the command tree as a page", async () => {
  await expect(referencePage()).toMatchFileSnapshot(page("cli.md"));
});

test("docs/operations.md holds the table of the server's settings", () => {
  expect(readFileSync(page("operations.md"), "utf8")).toContain(settingsTable());
});

test("docs/operations.md holds the server's exit codes", () => {
  expect(readFileSync(page("operations.md"), "utf8")).toContain(serverExitTable());
});
