// The contract of `PartitionLog` as tests: what it appends, reads, cuts and promises while nothing fails. What it keeps through crashes
// is shown by test/history. A rig makes a fresh log, runs a script over it, whose awaits it drives, and cleans up.

import { type Compression, defaults, type Offset, type TopicConfig, topicConfigTable } from "@varve/model";
import {
  attributesOf,
  BatchBuilder,
  type BatchProducer,
  baseOffsetOf,
  batchSize,
  isLogAppendTime,
  leaderEpochOf,
  maxTimestampOf,
  stampBatch,
} from "@varve/record";
import { type Clock, sleep } from "@varve/runtime";
import { describe, expect, test } from "vitest";
import type { PartitionLog, ReadResult } from "../log.ts";

/** What a script is given. */
export interface LogStage {
  /** Empty, with the configuration that the rig was asked for. */
  readonly log: PartitionLog;
  readonly clock: Clock;
  readonly compression: Compression;
}

/** Runs `script` over a fresh log; rejects with what it throws. */
export type LogRig = (config: TopicConfig, script: (stage: LogStage) => Promise<void>) => Promise<void>;

/** It ends a wait that nothing would end; no statement about speed. */
const waitMsMax = 30_000;
const nowMs = 1_767_225_600_000;
const plain: TopicConfig = defaults(topicConfigTable);

interface Shape {
  readonly records?: number;
  readonly valueBytes?: number;
  readonly timestampMs?: number;
  readonly producer?: BatchProducer;
}

function clientBatch(compression: Compression, { records = 1, valueBytes = 100, timestampMs = nowMs, producer }: Shape = {}): Uint8Array {
  const builder = new BatchBuilder({ bytesTarget: 1_000_000, bytesMax: 1_000_000 }, compression);
  for (let record = 0; record < records; record++) builder.append(timestampMs, null, new Uint8Array(valueBytes).fill(record));
  return builder.finish({ producer });
}

/** Batches as a leader has stamped them, from `base` on. */
function stamped(compression: Compression, base: number, epoch: number, count: number): Uint8Array {
  const batch = clientBatch(compression, { records: 2 });
  const bytes = new Uint8Array(count * batch.length);
  for (let number = 0; number < count; number++) {
    stampBatch(batch, 0, base + 2 * number, epoch);
    bytes.set(batch, number * batch.length);
  }
  return bytes;
}

async function room(log: PartitionLog, bytes: number): Promise<void> {
  for (let answer = log.room(bytes); answer !== true; answer = log.room(bytes)) await answer;
}

/** Appends as leader. @returns base and last offset. */
async function append({ log, compression }: LogStage, shape: Shape = {}, epoch = 0): Promise<readonly [number, number]> {
  const batch = clientBatch(compression, shape);
  await room(log, batch.length);
  const result = log.appendAsLeader(batch, epoch, nowMs);
  if (result.kind !== "appended") throw new Error(`not appended: ${JSON.stringify(result)}`);
  return [result.baseOffset, result.lastOffset];
}

async function eventually({ clock }: LogStage, what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = clock.monotonicMs() + waitMsMax;
  while (!holds()) {
    if (clock.monotonicMs() > deadlineMs) throw new Error(`did not come: ${what}`);
    await sleep(clock, 1);
  }
}

/** Base offsets of what a read answers. */
function bases(result: ReadResult): readonly number[] {
  if (result.kind !== "batches") throw new Error(`a read answers ${result.kind}`);
  const found: number[] = [];
  for (const chunk of result.chunks) for (let at = 0; at < chunk.length; at += batchSize(chunk, at)) found.push(baseOffsetOf(chunk, at));
  return found;
}

const at = (offset: number) => offset as Offset;

export function logContract(name: string, rig: LogRig): void {
  const run = (script: (stage: LogStage) => Promise<void>, config: Partial<TopicConfig> = {}) => rig({ ...plain, ...config }, script);

  describe(`log contract: ${name}`, () => {
    describe("an append as leader", () => {
      test("begins at offset 0, stamps offset and leader epoch into the batch, and moves the end", () =>
        run(async (stage) => {
          const { log, compression } = stage;
          expect([log.logStart, log.logEnd, log.durableEnd, log.latestEpoch]).toEqual([0, 0, 0, undefined]);
          expect(await append(stage, { records: 3 })).toEqual([0, 2]);
          const batch = clientBatch(compression, { records: 2 });
          await room(log, batch.length);
          expect(log.appendAsLeader(batch, 4, nowMs)).toMatchObject({ kind: "appended", baseOffset: 3, lastOffset: 4 });
          expect([baseOffsetOf(batch, 0), leaderEpochOf(batch, 0)]).toEqual([3, 4]);
          expect([log.logEnd, log.latestEpoch]).toEqual([5, { epoch: 4, startOffset: 3 }]);
        }));

      test("is durable some time later, and the listener hears of it once the durable end has moved", () =>
        run(async (stage) => {
          const { log } = stage;
          const heard: number[] = [];
          log.onDurable(() => heard.push(log.durableEnd));
          await append(stage);
          await append(stage);
          expect(log.durableEnd).toBe(0);
          await eventually(stage, "both batches durable", () => log.durableEnd === 2);
          expect(heard.at(-1)).toBe(2);
          log.onDurable(undefined);
          const before = heard.length;
          await append(stage);
          await eventually(stage, "the third durable", () => log.durableEnd === 3);
          expect(heard.length).toBe(before);
        }));

      test("gives the records the time of the append where the topic says so", () =>
        run(
          async ({ log, compression }) => {
            const batch = clientBatch(compression, { timestampMs: 5 });
            log.appendAsLeader(batch, 0, nowMs + 77);
            expect([maxTimestampOf(batch, 0), isLogAppendTime(attributesOf(batch, 0))]).toEqual([nowMs + 77, true]);
            expect((await log.findByTime(nowMs + 1, log.logEnd))?.kind).toBe("batches");
          },
          { "message.timestamp.type": "LogAppendTime" },
        ));
    });

    describe("an idempotent producer", () => {
      const producer = (baseSequence: number, epoch = 0) => ({ id: 7, epoch, baseSequence });

      test("that sends one of its last five batches again is told where that stands, and nothing is written", () =>
        run(async (stage) => {
          const { log, compression } = stage;
          for (let number = 0; number < 6; number++) await append(stage, { records: 2, producer: producer(2 * number) });
          for (const number of [1, 3, 5]) {
            const again = log.appendAsLeader(clientBatch(compression, { records: 2, producer: producer(2 * number) }), 0, nowMs);
            expect(again).toMatchObject({ kind: "duplicate", baseOffset: 2 * number, lastOffset: 2 * number + 1 });
          }
          expect(log.logEnd).toBe(12);
        }));

      test("that leaves a gap, or goes back behind an older epoch, is refused with the code for it", () =>
        run(async (stage) => {
          const { log, compression } = stage;
          await append(stage, { records: 2, producer: producer(0, 3) });
          const send = (baseSequence: number, epoch: number) =>
            log.appendAsLeader(clientBatch(compression, { producer: producer(baseSequence, epoch) }), 0, nowMs);
          expect(send(5, 3)).toMatchObject({ kind: "refused", failure: { code: "OUT_OF_ORDER_SEQUENCE_NUMBER" } });
          expect(send(2, 2)).toMatchObject({ kind: "refused", failure: { code: "INVALID_PRODUCER_EPOCH" } });
          expect(send(2, 3)).toMatchObject({ kind: "appended", baseOffset: 2 });
        }));

      test("may send again what a truncation cut", () =>
        run(async (stage) => {
          const { log } = stage;
          await append(stage, { records: 2, producer: producer(0) });
          await append(stage, { records: 2, producer: producer(2) });
          await log.truncateTo(at(2), 1);
          expect(await append(stage, { records: 2, producer: producer(2) }, 1)).toEqual([2, 3]);
        }));
    });

    describe("an append as follower", () => {
      test("takes batches as the leader stamped them, several at a time", () =>
        run(async (stage) => {
          const { log, compression } = stage;
          log.appendAsFollower(stamped(compression, 0, 2, 3));
          expect([log.logEnd, log.latestEpoch]).toEqual([6, { epoch: 2, startOffset: 0 }]);
          expect(bases(await log.read(at(0), 10_000, at(6)))).toEqual([0, 2, 4]);
          await eventually(stage, "durable", () => log.durableEnd === 6);
        }));

      test("refuses what does not continue the log, an epoch that falls, and what is damaged, and writes nothing of it", () =>
        run(async ({ log, compression }) => {
          log.appendAsFollower(stamped(compression, 0, 5, 1));
          const damaged = stamped(compression, 2, 5, 1);
          damaged[damaged.length - 1]! ^= 1;
          for (const bytes of [stamped(compression, 3, 5, 1), stamped(compression, 1, 5, 1), stamped(compression, 2, 4, 1), damaged]) {
            expect(() => log.appendAsFollower(bytes)).toThrowError(expect.objectContaining({ code: "CORRUPT_MESSAGE" }));
          }
          expect(log.logEnd).toBe(2);
        }));
    });

    describe("a read", () => {
      test("gives whole batches from the one that holds the offset on, up to the bytes, and the first always", () =>
        run(async (stage) => {
          const { log, compression } = stage;
          for (let number = 0; number < 5; number++) await append(stage, { records: 2 });
          const size = clientBatch(compression, { records: 2 }).length;
          expect(bases(await log.read(at(3), 1, log.logEnd))).toEqual([2]);
          expect(bases(await log.read(at(0), 3 * size, log.logEnd))).toEqual([0, 2, 4]);
          expect(bases(await log.read(at(0), 3 * size - 1, log.logEnd))).toEqual([0, 2]);
          expect(await log.read(at(2), 10_000, log.logEnd)).toMatchObject({ kind: "batches", nextOffset: 10, byteLength: 4 * size });
        }));

      test("shows no batch that reaches past the bound, and nothing at the end", () =>
        run(async (stage) => {
          const { log } = stage;
          for (let number = 0; number < 3; number++) await append(stage, { records: 2 });
          expect(bases(await log.read(at(0), 10_000, at(5)))).toEqual([0, 2]);
          expect(bases(await log.read(at(0), 10_000, at(1)))).toEqual([]);
          expect(bases(await log.read(at(6), 10_000, at(6)))).toEqual([]);
        }));

      test("outside the log says where the log is", () =>
        run(async (stage) => {
          const { log } = stage;
          await append(stage, { records: 4 });
          await append(stage);
          await log.raiseLogStart(at(4));
          expect(await log.read(at(3), 100, log.logEnd)).toEqual({ kind: "out-of-range", logStart: 4, logEnd: 5 });
          expect(await log.read(at(6), 100, at(6))).toEqual({ kind: "out-of-range", logStart: 4, logEnd: 5 });
        }));

      test("by time finds the first batch that is as late, below the bound", () =>
        run(async (stage) => {
          const { log } = stage;
          for (const timestampMs of [1_000, 3_000, 2_000, 5_000]) await append(stage, { timestampMs });
          const found = async (timestampMs: number, below: number) => {
            const result = await log.findByTime(timestampMs, at(below));
            return result === undefined ? undefined : bases(result);
          };
          expect(await found(0, 4)).toEqual([0]);
          expect(await found(2_500, 4)).toEqual([1]);
          expect(await found(3_001, 4)).toEqual([3]);
          expect(await found(3_001, 3)).toBeUndefined();
          expect(await found(5_001, 4)).toBeUndefined();
        }));
    });

    test("the end of a leader epoch is where a later one begins, that of the largest one below for an epoch it never had", () =>
      run(async (stage) => {
        const { log } = stage;
        await append(stage, { records: 3 }, 2);
        await append(stage, { records: 2 }, 5);
        await append(stage, { records: 1 }, 5);
        expect(log.endOfEpoch(2)).toEqual({ epoch: 2, endOffset: 3 });
        expect(log.endOfEpoch(4)).toEqual({ epoch: 2, endOffset: 3 });
        expect(log.endOfEpoch(5)).toEqual({ epoch: 5, endOffset: 6 });
        expect(log.endOfEpoch(1)).toBeUndefined();
      }));

    describe("a truncation", () => {
      test("cuts off everything at and above its offset, and later appends continue there in a new epoch", () =>
        run(async (stage) => {
          const { log } = stage;
          for (let number = 0; number < 4; number++) await append(stage, { records: 2 }, 1);
          await log.truncateTo(at(4), 2);
          expect([log.logEnd, log.durableEnd]).toEqual([4, 4]);
          expect(await append(stage, { records: 1 }, 2)).toEqual([4, 4]);
          expect(bases(await log.read(at(0), 10_000, log.logEnd))).toEqual([0, 2, 4]);
          expect(log.latestEpoch).toEqual({ epoch: 2, startOffset: 4 });
        }));

      test("in the middle of a batch takes the whole batch", () =>
        run(async (stage) => {
          const { log } = stage;
          await append(stage, { records: 2 });
          await append(stage, { records: 4 });
          await log.truncateTo(at(4), 0);
          expect(log.logEnd).toBe(2);
        }));

      test("at or above the end does nothing", () =>
        run(async (stage) => {
          const { log } = stage;
          await append(stage, { records: 2 });
          await log.truncateTo(at(2), 0);
          await log.truncateTo(at(9), 0);
          expect(log.logEnd).toBe(2);
        }));

      test("is not overtaken by an append, which waits for room", () =>
        run(async (stage) => {
          const { log } = stage;
          await append(stage, { records: 5 });
          await append(stage, { records: 5 });
          const truncated = log.truncateTo(at(5), 1);
          expect(log.room(100)).not.toBe(true);
          expect(await append(stage, {}, 1)).toEqual([5, 5]);
          await truncated;
        }));
    });

    test("a reset empties the log and begins it again, above or below its old end", () =>
      run(async (stage) => {
        const { log } = stage;
        await append(stage, { records: 5 }, 3);
        await log.resetTo(at(100));
        expect([log.logStart, log.logEnd, log.durableEnd, log.latestEpoch]).toEqual([100, 100, 100, undefined]);
        expect(await append(stage, {}, 4)).toEqual([100, 100]);
        await log.resetTo(at(7));
        expect([log.logStart, log.logEnd]).toEqual([7, 7]);
        expect(await append(stage, { records: 2 }, 4)).toEqual([7, 8]);
      }));

    describe("a raised log start", () => {
      test("hides what lies below it, in the middle of a batch too", () =>
        run(async (stage) => {
          const { log } = stage;
          await append(stage, { records: 4 });
          await append(stage, { records: 4 });
          await log.raiseLogStart(at(6));
          expect([log.logStart, log.logEnd]).toEqual([6, 8]);
          expect(bases(await log.read(at(6), 10_000, log.logEnd))).toEqual([4]);
          await log.raiseLogStart(at(3));
          expect(log.logStart).toBe(6);
        }));

      test("may come up to the end, and no further", () =>
        run(async (stage) => {
          const { log } = stage;
          await append(stage, { records: 4 });
          await expect(log.raiseLogStart(at(5))).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE" });
          await log.raiseLogStart(at(4));
          expect([log.logStart, log.logEnd]).toEqual([4, 4]);
          expect(await append(stage)).toEqual([4, 4]);
        }));
    });

    test("changes that are asked for at once are made one after the other, in order", () =>
      run(async (stage) => {
        const { log } = stage;
        for (let number = 0; number < 5; number++) await append(stage, { records: 2 });
        await Promise.all([log.truncateTo(at(8), 1), log.raiseLogStart(at(2)), log.truncateTo(at(6), 1), log.resetTo(at(20))]);
        expect([log.logStart, log.logEnd, log.durableEnd]).toEqual([20, 20, 20]);
      }));

    test("with relaxed durability what was appended is there at once, and known to be synced some time later", () =>
      run(
        async (stage) => {
          const { log } = stage;
          await append(stage, { records: 3 });
          expect(bases(await log.read(at(0), 10_000, log.logEnd))).toEqual([0]);
          await eventually(stage, "synced in the background", () => log.durableEnd === 3);
          await log.configure({ ...plain, durability: "fsync" });
          await append(stage);
          await eventually(stage, "durable", () => log.durableEnd === 4);
        },
        { durability: "replicated" },
      ));
  });
}
