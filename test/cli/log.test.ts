// The offline commands on folders of Kafka and of Varve, whole and damaged.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { json, jsonLines } from "./command.ts";
import { stage } from "./stage.ts";

const kafkaFolder = join(import.meta.dirname, "../../packages/log/test/fixtures/orders-0");
const { folder, server, run } = stage();

describe("log", () => {
  test("a folder that Kafka wrote is whole, and its batches and records are shown", async () => {
    const [verified, text, dumped] = await Promise.all([
      run(["log", "verify", kafkaFolder, "--format", "json"]),
      run(["log", "dump", kafkaFolder, "--records"]),
      run(["log", "dump", kafkaFolder, "--records", "--format", "json"]),
    ]);
    expect(verified.code).toBe(0);
    const { segments, problems, tornTail } = json(verified.out) as {
      segments: { batches: number }[];
      problems: unknown[];
      tornTail: unknown;
    };
    expect(segments[0]).toEqual({
      file: "00000000000000000000.log",
      batches: 20,
      records: 43,
      firstOffset: 0,
      lastOffset: 46,
      bytes: 3954,
      indexEntries: 8,
      timeIndexEntries: 9,
    });
    expect([problems, tornTail]).toEqual([[], null]);
    const batches = jsonLines(dumped.out) as { lastOffset: number; records: Record<string, unknown>[] }[];
    expect(batches).toHaveLength(segments.reduce((sum, segment) => sum + segment.batches, 0));
    expect(batches.at(-1)!.lastOffset).toBe(202);
    expect(batches.flatMap(({ records }) => records).filter(({ control }) => control === "COMMIT").length).toBeGreaterThan(0);
    // What the text shows, the JSON has: a line for each batch, and one for each record.
    expect(text.out.trim().split("\n")).toHaveLength(batches.reduce((sum, { records }) => sum + 1 + records.length, 0));
  });

  test("a flipped bit, an index that leads astray and a torn tail are told apart, with file and place", async () => {
    const damaged = join(folder, "damaged-0");
    mkdirSync(damaged);
    for (const name of readdirSync(kafkaFolder)) copyFileSync(join(kafkaFolder, name), join(damaged, name));
    const change = (name: string, bytes: (whole: Buffer) => Buffer) => {
      const path = join(damaged, name);
      const changed = bytes(readFileSync(path));
      rmSync(path);
      writeFileSync(path, changed);
    };
    change("00000000000000000000.log", (whole) => {
      whole[100]! ^= 4;
      return whole;
    });
    change("00000000000000000047.index", (whole) => {
      whole[15]! ^= 1;
      return whole;
    });
    change("00000000000000000192.log", (whole) => whole.subarray(0, whole.length - 5));
    const { code, out } = await run(["log", "verify", damaged, "--format", "json"]);
    expect(code).toBe(1);
    const { problems, tornTail } = json(out) as { problems: { file: string; position: number; message: string }[]; tornTail: object };
    expect(problems).toContainEqual({
      file: "00000000000000000000.log",
      position: 73,
      message: expect.stringMatching(/at byte 73 .*checksum/),
    });
    expect(problems).toContainEqual({
      file: "00000000000000000047.index",
      position: 8,
      message: expect.stringContaining("where no batch begins"),
    });
    expect(tornTail).toMatchObject({ file: "00000000000000000192.log", message: expect.stringContaining("is cut") });
    const dumped = await run(["log", "dump", damaged, "--count", "2", "--format", "json"]);
    expect(dumped.code).toBe(1);
    expect(jsonLines(dumped.out)).toMatchObject([
      { baseOffset: 0, problem: null },
      { position: 73, problem: expect.stringContaining("checksum") },
    ]);
  });

  test("a folder of the broker that is running is whole", async () => {
    await run(["topic", "create", "own"]);
    await run(["produce", "own", "--compression", "zstd"], { input: "a line\n".repeat(1000) });
    const { topicId } = json((await run(["topic", "desc", "own", "--format", "json"])).out) as { topicId: string };
    const { code, out } = await run(["log", "verify", join(server.folder, `${topicId}-0`), "--format", "json"]);
    expect(code).toBe(0);
    expect(json(out)).toMatchObject({ segments: [{ records: 1000, firstOffset: 0, lastOffset: 999 }], problems: [] });
  });

  test.each([
    [[folder], "no segment files lie there"],
    [[join(folder, "nothing")], "there is no such file or folder"],
  ])("verify %j ends with the code of what is not there", async (paths, message) => {
    expect(await run(["log", "verify", ...paths])).toMatchObject({ code: 3, err: expect.stringContaining(message) });
  });
});
