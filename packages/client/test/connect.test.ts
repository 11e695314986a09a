// Shows how a client finds its cluster, what can be set and within which bounds, and that it asks little of the process that imports it.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parseBootstrap } from "../src/connect.ts";
import { connect, connectBounds, consumerBounds, producerBounds } from "../src/index.ts";
import { rejection } from "./driving.ts";
import { onStage } from "./stage.ts";

test.each([
  ["varve://a:7070,b:7071", ["a:7070", "b:7071"]],
  ["a", ["a:7070"]],
  [" a:1 , b ", ["a:1", "b:7070"]],
  [
    ["varve://a:1", "b:2"],
    ["a:1", "b:2"],
  ],
  ["varve://[::1]:9000", ["[::1]:9000"]],
  ["varve://a:1/", ["a:1"]],
] as const)("%j names %j", (bootstrap, addresses) => {
  expect(parseBootstrap(bootstrap)).toEqual(addresses);
});

test.each(["", "a:", ":1", "a:0", "a:65536", "a:1:2", "http://a", "u@a:1", "a b", "a,,b"])("%j is no address", (bootstrap) => {
  expect(() => parseBootstrap(bootstrap)).toThrowError(expect.objectContaining({ code: "INVALID_CONFIG" }));
});

test("no broker, or more than are needed, is refused", async () => {
  expect(await rejection(connect([]))).toMatchObject({ code: "INVALID_CONFIG" });
  expect(await rejection(connect(Array.from({ length: 101 }, (_, at) => `b${at}`)))).toMatchObject({ code: "INVALID_CONFIG" });
});

test("a broker that is away is passed over; when none is there, connect says so after its time", () =>
  onStage(async ({ client, cluster, run, world }) => {
    const { ports } = client;
    world.node("empty").boot();
    cluster.create("orders");
    const varve = await run(connect(["empty:7070", "empty:7071", "broker:7070"], { ports }));
    expect(await run(varve.send("orders", { value: "x" }))).toMatchObject({ offset: 0 });
    const before = world.nowMs;
    expect(await run(rejection(connect("empty:7070", { ports, requestTimeoutMs: 2_000 })))).toMatchObject({ code: "NETWORK_EXCEPTION" });
    expect(world.nowMs - before).toBeLessThan(2_100);
  }));

test("an aborted connect rejects at once with the signal's reason", () =>
  onStage(async ({ client, run, world }) => {
    world.node("empty").boot();
    const controller = new AbortController();
    const connecting = rejection(connect("empty:7070", { ports: client.ports, signal: controller.signal }));
    await world.runFor(500);
    const before = world.nowMs;
    controller.abort(new Error("enough"));
    expect(await run(connecting)).toMatchObject({ message: "enough" });
    expect(world.nowMs - before).toBeLessThan(1);
  }));

test("after close nothing is done any more, and a second close waits for the first", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    await run(varve.send("orders", { value: "x" }));
    const closing = varve.close();
    expect(varve.close()).toBe(closing);
    await run(closing);
    expect(() => varve.producer()).toThrowError("closed");
    expect(await run(rejection(varve.send("orders", { value: "y" })))).toMatchObject({ code: "INVALID_REQUEST" });
    expect(await run(rejection(varve.admin.listTopics()))).toMatchObject({ code: "INVALID_REQUEST" });
  }));

test("close with an aborted signal does not wait for a broker that is gone", () =>
  onStage(async ({ broker, cluster, run, varve, world }) => {
    cluster.create("orders");
    await run(varve.send("orders", { value: "x" }));
    broker.kill("power");
    const sent = rejection(varve.send("orders", { value: "y" }));
    await world.runFor(1_000);
    const before = world.nowMs;
    expect(await run(rejection(varve.close({ signal: AbortSignal.abort(new Error("now")) })))).toMatchObject({ message: "now" });
    expect(await run(sent)).toMatchObject({ outcome: "unknown" });
    expect(world.nowMs - before).toBeLessThan(1_000);
  }));

const tables = { connectBounds, producerBounds, consumerBounds };
const rows = Object.entries(tables).flatMap(([table, bounds]) => Object.entries(bounds).map(([name, row]) => [table, name, row] as const));

test.each(rows)("%s: %s has a default within its bounds, and is refused beyond them", (table, name, row) =>
  onStage(async ({ client, run, varve }) => {
    expect(row.default).toBeGreaterThanOrEqual(row.min);
    expect(row.default).toBeLessThanOrEqual(row.max);
    const make = (value: number): unknown => {
      if (table === "producerBounds") return varve.producer({ [name]: value });
      if (table === "consumerBounds") return varve.consume("orders", { [name]: value });
      return connect("broker:7070", { ports: client.ports, [name]: value });
    };
    for (const value of [row.min - 1, row.max + 1, row.min + 0.5, Number.NaN, "10" as unknown as number]) {
      const refused = await run(rejection((async () => make(value))()));
      expect(refused).toMatchObject({ code: "INVALID_CONFIG", message: expect.stringContaining(name) });
    }
  }),
);

test("choices that do not exist are refused", () =>
  onStage(async ({ varve }) => {
    expect(() => varve.producer({ acks: "some" as "all" })).toThrowError("acks is some");
    expect(() => varve.producer({ compression: "brotli" as "zstd" })).toThrowError("compression is brotli");
    expect(() => varve.producer({ acks: "none", idempotent: true })).toThrowError("an idempotent producer needs answers");
    expect(() => varve.producer({ batchBytes: 2_048, batchBytesMax: 1_024 })).toThrowError("above batchBytesMax");
  }));

test("the page about the SDK shows the tables as they are", () => {
  const page = readFileSync(fileURLToPath(new URL("../../../docs/sdk.md", import.meta.url)), "utf8");
  for (const [, name, row] of rows) {
    const line = `| \`${name}\` | ${row.default} | ${row.min} – ${row.max} | ${row.about.replaceAll("|", "\\|")} |`;
    expect(page).toContain(line);
  }
});

test("importing the SDK loads no native code, no gRPC and no codec", () => {
  const entry = fileURLToPath(new URL("../src/index.ts", import.meta.url));
  const script = `
    await import(${JSON.stringify(entry)});
    const { createRequire } = await import("node:module");
    const loaded = Object.keys(createRequire(${JSON.stringify(entry)}).cache);
    process.stdout.write(JSON.stringify(loaded.filter((path) => /\\.node$|grpc-js|proto-loader|snappy|lz4|pino|prom-client|classic-level/.test(path))));
  `;
  expect(JSON.parse(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }))).toEqual([]);
});
