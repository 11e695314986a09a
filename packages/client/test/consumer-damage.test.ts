// Shows what a consumer does about records that cannot be read: it names them, steps over them when it is told to, and never hangs.

import type { FetchResult } from "@varve/api";
import type { Offset } from "@varve/model";
import { recordCountOf, stampChecksum } from "@varve/record";
import { expect, test } from "vitest";
import { DamagedRecordsError } from "../src/index.ts";
import { rejection, texts, write } from "./driving.ts";
import { failed } from "./fake-cluster.ts";
import { compression, onStage } from "./stage.ts";

/** As a broker answers whose log is damaged from `below` on: only what stands before it. */
function cutBelow(result: FetchResult, below: number, from: number): FetchResult {
  if (result.kind !== "batches" || from >= below) return result;
  const chunks = result.chunks.slice(0, 1);
  return { ...result, chunks, byteLength: chunks[0]?.length ?? 0 };
}

test("damage that the broker reports stops the partition, and seeking behind it goes on", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    cluster.onFetch = (entry, fetch) =>
      entry.from >= 3 && entry.from < 6
        ? { ...failed("CORRUPT_MESSAGE", "segment 0 at byte 99"), resumeAt: 6 as Offset }
        : cutBelow(fetch(), 3, entry.from);
    const consumer = varve.consume("orders", { from: "earliest", until: "end" });
    const seen: string[] = [];
    const read = async () => {
      for await (const record of consumer) seen.push(record.text());
    };
    const error = await run(rejection(read()));
    expect(error).toBeInstanceOf(DamagedRecordsError);
    expect(error).toMatchObject({ code: "CORRUPT_MESSAGE", topic: "orders", partition: 0, from: 3, resumeAt: 6 });
    expect(seen).toEqual(["v0", "v1", "v2"]);
    expect(consumer.position(0)).toBe(3);
    await consumer.seek(0, (error as DamagedRecordsError).resumeAt);
    await run(read());
    expect(seen).toEqual(["v0", "v1", "v2", "v6", "v7", "v8"]);
  }));

test("damage is stepped over when the user says so, and he is told", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    cluster.onFetch = (entry, fetch) =>
      entry.from >= 3 && entry.from < 6 ? { ...failed("CORRUPT_MESSAGE"), resumeAt: 6 as Offset } : cutBelow(fetch(), 3, entry.from);
    expect(await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged: "skip" })))).toEqual([
      "v0",
      "v1",
      "v2",
      "v6",
      "v7",
      "v8",
    ]);
    const told: number[] = [];
    const onDamaged = (error: DamagedRecordsError) => {
      told.push(error.from, error.resumeAt);
      return "skip" as const;
    };
    await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged })));
    expect(told).toEqual([3, 6]);
  }));

test("a batch that is damaged on the way is fetched again; one that stands damaged in the log is reported", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 70 ? byte ^ 1 : byte));
    let times = 0;
    const damageSecond = (result: FetchResult): FetchResult => {
      if (result.kind !== "batches") return result;
      times += 1;
      return {
        ...result,
        chunks: result.chunks.map((chunk) => (chunk === cluster.partition("orders").batches[1]!.bytes ? flipped(chunk) : chunk)),
      };
    };
    cluster.onFetch = (_entry, fetch) => (times < 1 ? damageSecond(fetch()) : fetch());
    expect((await run(texts(varve.consume("orders", { from: "earliest", until: "end" })))).length).toBe(9);

    cluster.onFetch = (_entry, fetch) => damageSecond(fetch());
    const error = await run(rejection(texts(varve.consume("orders", { from: "earliest", until: "end" }))));
    expect(error).toMatchObject({ code: "CORRUPT_MESSAGE", from: 3, resumeAt: 6 });
    expect((await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged: "skip" })))).length).toBe(6);
  }));

test("a batch that lies about its records is named, with the records before the damage, and can be stepped over", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    await write(made, 9, 3);
    // The second record of the middle batch claims to be longer than it is.
    const { bytes } = cluster.partition("orders").batches[1]!;
    const recordAt = 61 + 1 + (bytes[61]! >> 1);
    bytes[recordAt] = 0x7e;
    stampChecksum(bytes, 0, compression);
    expect(recordCountOf(bytes, 0)).toBe(3);
    const consumer = varve.consume("orders", { from: "earliest", until: "end" });
    const seen: string[] = [];
    const read = async () => {
      for await (const record of consumer) seen.push(record.text());
    };
    const error = await run(rejection(read()));
    expect(error).toMatchObject({ code: "INVALID_RECORD", from: 4, resumeAt: 6 });
    expect((error as Error).message).toContain("orders-0: the records from offset 4 to 5 cannot be read");
    expect(seen).toEqual(["v0", "v1", "v2", "v3"]);
    expect(consumer.position(0)).toBe(4);
    await consumer.seek(0, 6);
    await run(read());
    expect(seen).toEqual(["v0", "v1", "v2", "v3", "v6", "v7", "v8"]);
    expect((await run(texts(varve.consume("orders", { from: "earliest", until: "end", onDamaged: "skip" })))).length).toBe(7);
  }));

test("a decompression bomb is refused, not opened", () =>
  onStage(async (made) => {
    const { cluster, run, varve } = made;
    cluster.create("orders");
    const producer = varve.producer({ compression: "zstd", batchBytes: 4_194_304, batchBytesMax: 5_242_880, bufferBytes: 100_000_000 });
    await run(producer.send("orders", { value: new Uint8Array(4_000_000) }));
    expect(cluster.partition("orders").batches[0]!.bytes.length).toBeLessThan(10_000);
    const error = await run(rejection(texts(varve.consume("orders", { from: "earliest", until: "end" }))));
    expect(error).toMatchObject({ code: "INVALID_RECORD", from: 0, resumeAt: 1 });
  }));
