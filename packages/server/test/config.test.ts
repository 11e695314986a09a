// The configuration of a server: which source wins, and that every problem is told at once.

import { serverConfigTable } from "@varve/model";
import { type ConfigSources, environmentName, flagName, loadServerConfig } from "@varve/server";
import { expect, test } from "vitest";

function load(sources: { file?: Record<string, unknown>; environment?: Record<string, string>; flags?: Record<string, string> }) {
  const all: ConfigSources = {
    ...(sources.file === undefined ? {} : { file: { name: "varve.yaml", values: new Map(Object.entries(sources.file)) } }),
    environment: new Map(Object.entries(sources.environment ?? {})),
    flags: new Map(Object.entries(sources.flags ?? {})),
  };
  return loadServerConfig(all);
}

function config(sources: Parameters<typeof load>[0]) {
  const loaded = load(sources);
  if (loaded.kind !== "ok") throw new Error(loaded.problems.join("\n"));
  return loaded.config;
}

function problems(sources: Parameters<typeof load>[0]): readonly string[] {
  const loaded = load(sources);
  return loaded.kind === "problems" ? loaded.problems : [];
}

test("without any source every setting has its default", () => {
  expect(config({})).toEqual(Object.fromEntries(Object.entries(serverConfigTable).map(([key, row]) => [key, row.default])));
});

test("a flag wins over the environment, the environment over the file", () => {
  const file = { "node.id": 1, "open.files": 100, "tail.bytes": "1MiB" };
  const environment = { VARVE_NODE_ID: "2", VARVE_OPEN_FILES: "200" };
  const loaded = config({ file, environment, flags: { "node.id": "3" } });
  expect([loaded["node.id"], loaded["open.files"], loaded["tail.bytes"]]).toEqual([3, 200, 1_048_576]);
});

test("every problem of every source is told at once", () => {
  const found = problems({
    file: { "node.number": 1, "open.files": "many" },
    environment: { VARVE_TAIL_BYTES: "-1", VARVE_TYPO: "1", PATH: "/bin" },
    flags: { listener: "nowhere" },
  });
  expect(found).toEqual([
    expect.stringContaining('varve.yaml: "node.number" is not a setting'),
    expect.stringContaining("varve.yaml: open.files is a whole number"),
    expect.stringContaining("environment variable VARVE_TAIL_BYTES: tail.bytes lies between"),
    expect.stringContaining("VARVE_TYPO names no setting"),
    expect.stringContaining('listener is host:port, not "nowhere"'),
  ]);
});

test("every number is taken at both ends of its range, and one past them is a problem that names the range", () => {
  let ranges = 0;
  for (const [key, row] of Object.entries(serverConfigTable)) {
    if (!("min" in row)) continue;
    ranges += 1;
    for (const value of [row.min, row.max]) expect(config({ flags: { [key]: String(value) } })).toMatchObject({ [key]: value });
    for (const value of [row.min - 1, row.max + 1]) {
      const named = expect.stringContaining(`${key} lies between ${row.min} and ${row.max}`);
      expect(problems({ flags: { [key]: String(value) } })).toEqual([named]);
    }
  }
  expect(ranges).toBeGreaterThan(15);
});

test.each(["0.0.0.0:7070", "192.168.1.7:7070", "[::]:7070", "example.test:7070"])("%s needs --insecure", (listener) => {
  expect(problems({ flags: { listener } })).toEqual([expect.stringContaining("--insecure")]);
  expect(config({ flags: { listener, insecure: "true" } }).listener).toBe(listener);
});

test.each(["127.0.0.1:0", "localhost:7070", "[::1]:7070", "127.8.0.1:65535"])("%s is loopback", (listener) => {
  expect(config({ flags: { listener } }).listener).toBe(listener);
});

test.each(["127.0.0.1", "127.0.0.1:65536", ":7070", "127.0.0.1:7070:1", "a b:1"])("%j is no address", (listener) => {
  expect(problems({ flags: { listener } })).toHaveLength(1);
});

test("a single process is broker and controller", () => {
  expect(problems({ flags: { roles: "broker" } })).toEqual([expect.stringContaining("roles")]);
});

test("no two settings share a variable or a flag", () => {
  const keys = Object.keys(serverConfigTable);
  expect(new Set(keys.map(environmentName)).size).toBe(keys.length);
  expect(new Set(keys.map(flagName)).size).toBe(keys.length);
});
