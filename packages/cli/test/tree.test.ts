// The conventions of the command line, held against every command of the tree.

import { existsSync } from "node:fs";
import { serverConfigTable } from "@varve/model";
import { environmentName } from "@varve/server";
import { describe, expect, test } from "vitest";
import { type Command, flagVariable } from "../src/command.ts";
import { defaultOf, parseFlag, usageOf, type Written } from "../src/flags.ts";
import { groups, tree } from "../src/tree.ts";

const each = tree.map((command) => [command.path.join(" "), command] as const);

function ownFlags({ flags }: Command): (readonly [string, Command["flags"][string]])[] {
  return Object.entries(flags).filter(([, { setting }]) => setting === undefined);
}

describe.each(each)("varve %s", (words, command) => {
  test("is a noun and a verb, or a verb, in lower case", () => {
    expect(words).toMatch(/^[a-z]+( [a-z]+)?$/);
    if (command.path.length === 2) expect(groups).toHaveProperty(command.path[0]);
  });

  test("is loaded from a file of its name", async () => {
    expect(existsSync(new URL(`../src/commands/${command.path.join("-")}.ts`, import.meta.url))).toBe(true);
    expect(await command.load()).toBeTypeOf("function");
  });

  test("speaks text and json", () => {
    const { format } = command.flags;
    expect(format).toMatchObject({ kind: "choice", choices: expect.arrayContaining(["text", "json"]), default: "text" });
  });

  test("has an example of itself, by its name or its alias, with its own flags only", () => {
    const names = [words, [...command.path.slice(0, -1), command.alias].join(" ")];
    expect(names.some((name) => command.example === name || command.example.startsWith(`${name} `))).toBe(true);
    for (const [, name] of command.example.matchAll(/ --([a-z-]+)/g)) expect(command.flags).toHaveProperty(name!);
    for (const [, short] of command.example.matchAll(/ -([a-zA-Z])\b/g))
      expect(Object.values(command.flags).map((flag) => flag.short)).toContain(short);
  });

  test("says what each flag and argument does: from a capital on, without a full stop", () => {
    for (const { about } of [...ownFlags(command).map(([, flag]) => flag), ...command.arguments]) expect(about).toMatch(/^[^a-z].*[^.]$/);
    expect(command.about).toMatch(/^[A-Z].*[^.]$/);
  });

  test("has flags in kebab-case, each short one once", () => {
    for (const name of Object.keys(command.flags)) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    const shorts = Object.values(command.flags).flatMap(({ short }) => short ?? []);
    expect(new Set(shorts).size).toBe(shorts.length);
    expect(shorts).not.toContain("h");
  });

  test("has a variable of its own for each flag", () => {
    const variables = Object.keys(command.flags).map((name) => flagVariable(command, name));
    expect(new Set(variables).size).toBe(variables.length);
    for (const variable of variables) expect(variable).toMatch(/^VARVE_[A-Z]+(_[A-Z]+)*$/);
  });

  test("takes the default of each flag as if it had been written", () => {
    for (const [name, flag] of ownFlags(command)) {
      const preset = defaultOf(flag);
      if (typeof preset === "string" || typeof preset === "number")
        expect(parseFlag(`--${name}`, flag, String(preset))).toEqual({ value: preset });
    }
  });

  test("needs --yes when it destroys", () => {
    expect(Object.hasOwn(command.flags, "yes")).toBe(/remove/.test(words));
  });
});

test("no two commands share a name or an alias", () => {
  const names = tree.flatMap(({ path, alias }) => [
    path.join(" "),
    ...(alias === undefined ? [] : [[...path.slice(0, -1), alias].join(" ")]),
  ]);
  expect(new Set(names).size).toBe(names.length);
});

test("no command's variable is a server setting's, but for the server's own flags", () => {
  const settings = new Set(Object.keys(serverConfigTable).map(environmentName));
  for (const command of tree) {
    for (const [name] of ownFlags(command)) expect(settings).not.toContain(flagVariable(command, name));
  }
});

test("the server takes a flag for each of its settings, with the variable that its loader reads", () => {
  const server = tree.find(({ path }) => path[0] === "server")!;
  for (const key of Object.keys(serverConfigTable)) {
    const name = key.replaceAll(".", "-");
    expect(server.flags[name]?.setting).toBe(key);
    expect(flagVariable(server, name)).toBe(environmentName(key));
  }
});

test.each([
  ["timeout", "30s", { value: 30_000 }],
  ["timeout", "30 seconds", { problem: '--timeout is a whole number, with or without one of ms, s, m, h, d, not "30 seconds"' }],
  ["acks", "most", { problem: '--acks is one of all, leader, none, not "most"' }],
  ["batch-bytes", "64KiB", { value: 65_536 }],
  ["header", ["a=1", "b=2"], { value: ["a=1", "b=2"] }],
  ["quiet", true, { value: true }],
  ["quiet", "false", { value: false }],
])("--%s %j is understood", (name, written, expected) => {
  const produce = tree.find(({ path }) => path[0] === "produce")!;
  expect(parseFlag(`--${name}`, produce.flags[name]!, written as Written)).toEqual(expected);
});

test("a flag's usage shows its short form, its name and what it takes", () => {
  const produce = tree.find(({ path }) => path[0] === "produce")!;
  expect(usageOf("partition", produce.flags.partition!)).toBe("-p, --partition <n>");
  expect(usageOf("quiet", produce.flags.quiet!)).toBe("-q, --quiet");
  expect(usageOf("acks", produce.flags.acks!)).toBe("--acks <all|leader|none>");
});
