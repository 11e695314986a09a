// Shows that a partition folder that Kafka closed is read as Kafka reads it: the same batches, look-ups, epochs and producers; and that our
// side files for the same batches are Kafka's, byte for byte, as far as its format goes.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Offset, toOffset } from "@varve/model";
import { baseOffsetOf, batchSize, lastOffsetOf, leaderEpochOf, maxTimestampOf, readRecords } from "@varve/record";
import type { MachinePorts } from "@varve/sim";
import { expect, test } from "vitest";
import { decodeProducerSnapshot } from "../../src/segments/producer-snapshot.ts";
import { createSegmentedLog, openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import { basesOf, batchAt, batchesOf, compression, contextOf, folder, machine, topicConfig } from "./harness.ts";

const fixtures = fileURLToPath(new URL("../fixtures/", import.meta.url));
const files = new Map(
  readdirSync(`${fixtures}orders-0`).map((name) => [name, new Uint8Array(readFileSync(`${fixtures}orders-0/${name}`))]),
);
const config = topicConfig({ "segment.bytes": 4096, "index.interval.bytes": 300, "segment.index.bytes": 1024 });

interface KafkaProducer {
  readonly producerId: string;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastDataOffset: string;
  readonly batches: readonly {
    readonly firstSequence: number;
    readonly lastSequence: number;
    readonly firstOffset: string;
    readonly lastOffset: string;
  }[];
}

const kafka = JSON.parse(readFileSync(`${fixtures}orders-0.json`, "utf8")) as {
  readonly logEndOffset: string;
  readonly producers: readonly KafkaProducer[];
  readonly fetches: readonly {
    readonly fetchOffset: string;
    readonly maxBytes: number;
    readonly atLeastOneBatch: boolean;
    readonly isolation: "LOG_END" | "HIGH_WATERMARK" | "TXN_COMMITTED";
    readonly batches?: readonly string[];
    readonly exception?: string;
  }[];
  readonly offsetsByTimestamp: readonly {
    readonly timestamp: string;
    readonly foundTimestamp?: string;
    readonly offset: string | null;
    readonly leaderEpoch?: number;
  }[];
  readonly endOffsetForEpoch: readonly { readonly epoch: number; readonly foundEpoch?: number; readonly endOffset: string | null }[];
  readonly segments: readonly { readonly baseOffset: string }[];
};
const lastStableOffset = toOffset(170);

type Contents = ReadonlyMap<string, Uint8Array>;

async function place(ports: MachinePorts, contents: Contents): Promise<void> {
  await ports.disk.makeFolder(folder);
  for (const [name, bytes] of contents) {
    const file = await ports.disk.open(`${folder}/${name}`, "create");
    if (bytes.length > 0) await file.write(bytes, 0);
    await file.close();
  }
}

/** Runs `use` over Kafka's folder, taken as it lies. */
async function overKafkasFolder(use: (log: SegmentedLog) => Promise<void>, contents: Contents = files): Promise<void> {
  await machine().run(async (ports) => {
    await place(ports, contents);
    const log = await openSegmentedLog(
      contextOf(ports, { producerExpiryMs: Number.MAX_SAFE_INTEGER }),
      folder,
      config,
      { kind: "all" },
      toOffset(0),
    );
    await use(log);
  });
}

test("the log ends where Kafka's ended, and so do its epochs", async () => {
  await overKafkasFolder(async (log) => {
    expect(log.logEnd).toBe(Number(kafka.logEndOffset));
    expect(log.latestEpoch).toEqual({ epoch: 6, startOffset: 170 });
    expect(log.damage).toEqual([]);
  });
});

test("every fetch brings the batches that Kafka's brings", async () => {
  await overKafkasFolder(async (log) => {
    for (const { fetchOffset, maxBytes, atLeastOneBatch, isolation, batches, exception } of kafka.fetches) {
      const from = toOffset(Number(fetchOffset));
      const below = isolation === "TXN_COMMITTED" ? lastStableOffset : log.logEnd;
      const result = await log.read(from, maxBytes, below);
      if (exception !== undefined) {
        expect(result).toEqual({ kind: "out-of-range", logStart: 0, logEnd: 203 });
        continue;
      }
      const bases = basesOf(result).map(String);
      // Kafka leaves a batch that is larger than was asked for away when it was not asked for at least one; we never do.
      if (batches!.length === 0 && !atLeastOneBatch && from < below) expect(bases.length).toBe(1);
      else expect(bases).toEqual(batches);
    }
  });
});

test("every search by time finds the batch in which Kafka finds its record", async () => {
  await overKafkasFolder(async (log) => {
    for (const { timestamp, foundTimestamp, offset, leaderEpoch } of kafka.offsetsByTimestamp) {
      // -1, -2 and -3 are questions of the protocol, answered above the log.
      if (Number(timestamp) < 0) continue;
      const found = await log.findByTime(Number(timestamp), log.logEnd);
      if (offset === null || offset === undefined) {
        expect(found).toBeUndefined();
        continue;
      }
      const [batch] = batchesOf(found);
      expect(leaderEpochOf(batch!, 0)).toBe(leaderEpoch);
      const record = [...readRecords(batch!, 0, compression)].find((candidate) => candidate.timestamp >= Number(timestamp));
      expect([record?.offset, record?.timestamp]).toEqual([Number(offset), Number(foundTimestamp)]);
    }
  });
});

/** An epoch above the last is "not known" to Kafka; the contract of ours says: the largest one below it (KIP-279). */
test("every epoch ends where Kafka says, and one above the last ends with the log", async () => {
  await overKafkasFolder(async (log) => {
    for (const { epoch, foundEpoch, endOffset } of kafka.endOffsetForEpoch) {
      const found = log.endOfEpoch(epoch);
      if (epoch > 6) expect(found).toEqual({ epoch: 6, endOffset: 203 });
      else if (endOffset === null) expect(found).toBeUndefined();
      else expect(found).toEqual({ epoch: foundEpoch, endOffset: Number(endOffset) });
    }
  });
});

/** A repeat of the batch with these sequences, as its producer would send it. */
function repeatOf(producer: KafkaProducer, firstSequence: number, lastSequence: number): Uint8Array {
  const id = Number(producer.producerId);
  return batchAt(0, {
    records: lastSequence - firstSequence + 1,
    producer: { id, epoch: producer.producerEpoch, baseSequence: firstSequence },
  });
}

test("every producer's last batch is recognised from Kafka's snapshot, which holds no more of it", async () => {
  await overKafkasFolder(async (log) => {
    for (const producer of kafka.producers) {
      const last = producer.batches.at(-1)!;
      expect(log.checkProducer(repeatOf(producer, last.firstSequence, last.lastSequence), 0)).toMatchObject({
        kind: "duplicate",
        baseOffset: Number(last.firstOffset),
        lastOffset: Number(last.lastOffset),
      });
      expect(log.checkProducer(repeatOf(producer, last.lastSequence + 1, last.lastSequence + 1), 0).kind).toBe("new");
      expect(log.checkProducer(repeatOf(producer, last.lastSequence + 2, last.lastSequence + 2), 0).kind).toBe("refused");
    }
  });
});

test("replayed from the batches, every producer has the five batches that Kafka had before the close", async () => {
  const contents = new Map([...files].filter(([name]) => !name.endsWith(".snapshot")));
  await overKafkasFolder(async (log) => {
    for (const producer of kafka.producers) {
      for (const { firstSequence, lastSequence, firstOffset, lastOffset } of producer.batches) {
        expect(log.checkProducer(repeatOf(producer, firstSequence, lastSequence), 0)).toMatchObject({
          kind: "duplicate",
          baseOffset: Number(firstOffset),
          lastOffset: Number(lastOffset),
        });
      }
    }
  }, contents);
});

/** All batches of Kafka's segments, by segment. */
function kafkasBatches(): ReadonlyMap<number, readonly Uint8Array[]> {
  return new Map(
    kafka.segments.map(({ baseOffset }) => {
      const bytes = files.get(`${baseOffset.padStart(20, "0")}.log`)!;
      const batches: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += batchSize(bytes, at)) batches.push(bytes.slice(at, at + batchSize(bytes, at)));
      return [Number(baseOffset), batches];
    }),
  );
}

test("the same batches, appended here, leave Kafka's segments, indexes, epochs and names; snapshots begin as Kafka's", async () => {
  const world = machine();
  await world.run(async (ports) => {
    await ports.disk.makeFolder(folder);
    const log = await createSegmentedLog(contextOf(ports), folder, config, toOffset(0));
    for (const [base, batches] of kafkasBatches()) {
      if (base > 0) await log.roll();
      for (const batch of batches) log.appendStamped(batch);
    }
    await log.close();
  });
  const ours = world.disk.folder(folder).names();
  const kafkas = [...files.keys()].filter((name) => !name.endsWith(".txnindex") && name !== "partition.metadata");
  expect(ours).toEqual(kafkas);
  for (const name of kafkas) {
    const [our, their] = [world.disk.contents(`${folder}/${name}`), files.get(name)!];
    if (!name.endsWith(".snapshot")) {
      expect(our, name).toEqual(their);
      continue;
    }
    // Version, and count and entries; between them stands the checksum, which in ours covers what follows, too.
    expect(our.subarray(0, 2), name).toEqual(their.subarray(0, 2));
    expect(our.subarray(6, their.length), name).toEqual(their.subarray(6));
    expect(decodeProducerSnapshot(our, compression, 0), name).toBeDefined();
  }
});

test("an index of Kafka's leads to every batch of its segment", async () => {
  await overKafkasFolder(async (log) => {
    for (const batches of kafkasBatches().values()) {
      for (const batch of batches) {
        const offset = toOffset(lastOffsetOf(batch, 0));
        const [found] = batchesOf(await log.read(offset, 1, log.logEnd));
        expect(found).toEqual(batch);
        expect(baseOffsetOf(found!, 0)).toBeLessThanOrEqual(offset);
        expect(maxTimestampOf(found!, 0)).toBe(maxTimestampOf(batch, 0));
      }
    }
  });
});

interface Damage {
  readonly note: string;
  readonly file: string;
  readonly op: "none" | "truncate" | "flip" | "append" | "delete";
  readonly size?: number;
  readonly at?: number;
  readonly hex?: string;
}

const recoveries = readFileSync(`${fixtures}recovery.jsonl`, "utf8")
  .trim()
  .split("\n")
  .map(
    (line) =>
      JSON.parse(line) as {
        readonly damage: Damage;
        readonly after: {
          readonly logEndOffset: string;
          readonly leaderEpochs: readonly { epoch: number; startOffset: string }[];
          readonly producers: readonly KafkaProducer[];
        };
      },
  );

function damaged({ file, op, size, at, hex }: Damage): Map<string, Uint8Array> {
  const contents = new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
  const bytes = contents.get(file)!;
  if (op === "truncate") contents.set(file, bytes.slice(0, size));
  else if (op === "delete") contents.delete(file);
  else if (op === "append")
    contents.set(file, Uint8Array.of(...bytes, ...Uint8Array.from(hex!.match(/../g)!, (digits) => Number.parseInt(digits, 16))));
  else if (op === "flip") bytes[at!]! ^= 1;
  return contents;
}

/**
 * Where the log ends when nothing of it is trusted. We differ on purpose in nothing here but the epochs: Kafka keeps an epoch whose records
 * were all cut off when it began in a segment that stays; ours are those that the batches bear.
 */
test.each(
  recoveries.map(
    ({ damage, after }) => [`${damage.note} (${damage.file} ${damage.op} ${damage.size ?? damage.at ?? ""})`, damage, after] as const,
  ),
)("nothing trusted, %s: what is whole is adopted as Kafka's recovery does", async (_, damage, after) => {
  await machine().run(async (ports) => {
    await place(ports, damaged(damage));
    const context = contextOf(ports, { producerExpiryMs: Number.MAX_SAFE_INTEGER });
    const log = await openSegmentedLog(context, folder, config, { kind: "offset", offset: toOffset(0) }, toOffset(0));
    const adopted = await log.adoptTail();
    expect(adopted.end).toBe(Number(after.logEndOffset));
    expect(adopted.cutBecause !== undefined).toBe(
      ["truncate", "flip", "append"].includes(damage.op) && damage.file.endsWith(".log") && damage.size !== 0 && damage.size !== 769,
    );
    const epochs = after.leaderEpochs.filter(({ startOffset }) => Number(startOffset) < log.logEnd);
    expect(log.latestEpoch).toEqual({ epoch: epochs.at(-1)!.epoch, startOffset: Number(epochs.at(-1)!.startOffset) });
    for (const producer of after.producers) {
      const last = producer.batches.at(-1)!;
      expect(log.checkProducer(repeatOf(producer, last.firstSequence, last.lastSequence), 0).kind).toBe("duplicate");
    }
    await log.close();
    const again = await openSegmentedLog(context, folder, config, { kind: "all" }, toOffset(0));
    expect(again.logEnd).toBe(adopted.end);
  });
});

/** What was closed in order is trusted: there, damage below the end is damage, and nothing is cut for it. Kafka would not look. */
test("a bit that flipped in a folder closed in order takes nothing but its own batch", async () => {
  const flip = recoveries.find(({ damage }) => damage.note === "a bit flips in a middle segment")!.damage;
  await overKafkasFolder(async (log) => {
    expect(log.logEnd).toBe(203);
    const result = await log.read(toOffset(95), 10_000, log.logEnd);
    expect(result).toMatchObject({ kind: "damaged", resumeAt: 96, error: { file: `${folder}/00000000000000000092.log`, position: 225 } });
    const readable: number[] = [];
    for (let offset: Offset = toOffset(0); offset < log.logEnd; ) {
      const part = await log.read(offset, 700, log.logEnd);
      if (part.kind === "batches") readable.push(...basesOf(part));
      offset = part.kind === "damaged" ? part.resumeAt : part.kind === "batches" ? part.nextOffset : log.logEnd;
    }
    const all = [...kafkasBatches().values()].flat().map((batch) => baseOffsetOf(batch, 0));
    expect(readable).toEqual(all.filter((base) => base !== 95));
  }, damaged(flip));
});
