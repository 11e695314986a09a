// Every death that a short history can meet: at each effect on the disk, before it, half done and after it, of the process, of the power, and
// of both in a row; and for some of them the same again at every effect of the recovery that follows.

import type { Moment } from "@varve/sim";
import { type Crashing, crashSeed, type PlannedDeath } from "./crash.ts";
import type { Step } from "./steps.ts";

/** To die before an effect is to die after the one before it. */
const moments: readonly Moment[] = ["torn", "after"];

/** The deaths that may come at one moment. */
const kinds: readonly Omit<PlannedDeath, "effect" | "moment">[] = [
  { death: "process" },
  { death: "power" },
  { death: "process", thenPower: "drop" },
];

export interface Exhausted {
  readonly histories: number;
  readonly effects: number;
}

/** A history of a few steps, as the exhaustive tests run it. */
export interface ShortHistory extends Omit<Crashing, "seed" | "deaths"> {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** @throws {Error} with what to run again, when a promise is broken. */
export async function everyDeath(history: ShortHistory, seed: number): Promise<Exhausted> {
  const whole = await crashSeed({ ...history, seed, deaths: [] });
  const effects = whole.effects.reduce((sum, count) => sum + count, 0);
  let histories = 1;
  for (let effect = 1; effect <= whole.effects[0]!; effect++) {
    for (const moment of moments) {
      for (const kind of kinds) {
        await crashSeed({ ...history, seed: seed + histories, deaths: [{ effect, moment, ...kind }] });
        histories++;
      }
    }
  }
  return { histories, effects };
}

/**
 * For every `stride`-th first death, every death in the life that follows, up to the first of its own appends, and once more after that.
 * @param effectsMax of the second life that are tried: its recovery and a little more.
 */
export async function everySecondDeath(history: ShortHistory, seed: number, stride: number, effectsMax: number): Promise<Exhausted> {
  const whole = await crashSeed({ ...history, seed, deaths: [] });
  let histories = 1;
  for (let effect = 1; effect <= whole.effects[0]!; effect += stride) {
    const first: PlannedDeath = {
      effect,
      moment: moments[effect % moments.length]!,
      ...kinds[Math.floor(effect / stride) % kinds.length]!,
    };
    for (let second = 1; second <= effectsMax; second++) {
      const kind = kinds[(second + effect) % kinds.length]!;
      const moment = moments[(second * 7 + effect) % moments.length]!;
      const third: PlannedDeath = { effect: 1 + ((second * 5) % effectsMax), moment: "after", ...kinds[(second + 1) % kinds.length]! };
      await crashSeed({
        ...history,
        seed: seed + histories,
        deaths: [first, { effect: second, moment, ...kind }, ...(second % 3 === 0 ? [third] : [])],
      });
      histories++;
    }
  }
  return { histories, effects: whole.effects[0]! };
}

/**
 * For every `stride`-th first death, a death of the process at every effect of the recovery that follows: the next recovery finds the same.
 * @throws {Error} when it does not.
 */
export async function recoveryAgain(history: ShortHistory, seed: number, stride: number): Promise<Exhausted> {
  const whole = await crashSeed({ ...history, seed, deaths: [] });
  let histories = 1;
  for (let effect = 1; effect <= whole.effects[0]!; effect += stride) {
    const first: PlannedDeath = {
      effect,
      moment: moments[effect % moments.length]!,
      ...kinds[Math.floor(effect / stride) % kinds.length]!,
    };
    const [, expected] = (await crashSeed({ ...history, seed, deaths: [first] })).found;
    for (let second = 1; ; second++) {
      const { found } = await crashSeed({ ...history, seed, deaths: [first, { effect: second, moment: "after", death: "process" }] });
      histories++;
      // The recovery was through before the process died: so were all its effects.
      if (found[1] !== undefined || found.length < 3) break;
      if (found[2] !== expected)
        throw new Error(
          `seed ${seed}, deaths at ${effect} and ${second}: the recovery that was cut short is followed by one that finds ${found[2]}, without that ${expected}`,
        );
    }
  }
  return { histories, effects: whole.effects[0]! };
}

const append = (partition: number, valueBytes = 100, records = 2, idempotent = false): Step => ({
  kind: "append",
  partition,
  records,
  valueBytes,
  idempotent,
});
const wait = (ms: number): Step => ({ kind: "wait", ms });
const settle: Step = { kind: "settle" };
const create = (partition: number, durability: "fsync" | "replicated" = "fsync"): Step => ({ kind: "create", partition, durability });

/** Small, and between them they go through every kind of frame, of round and of background work. */
export const shortHistories: readonly ShortHistory[] = [
  {
    name: "appends of one partition, each waiting for the one before",
    partitions: 1,
    steps: [create(0), settle, append(0), wait(3), append(0), wait(3), append(0, 300, 2, true), settle],
  },
  {
    name: "appends of two partitions that share rounds",
    partitions: 2,
    steps: [create(0), create(1), settle, append(0), append(1), wait(0.5), append(1), append(0), append(0), wait(3), append(1), settle],
  },
  {
    name: "a truncation below the mark, and appends behind it",
    partitions: 1,
    steps: [
      create(0),
      settle,
      append(0),
      append(0),
      append(0),
      settle,
      wait(50),
      { kind: "truncate", partition: 0, back: 3 },
      settle,
      { kind: "epoch", partition: 0 },
      append(0),
      append(0),
      wait(4),
    ],
  },
  {
    name: "a truncation of frames that are still live",
    partitions: 1,
    steps: [
      create(0),
      settle,
      append(0),
      append(0),
      wait(3),
      { kind: "truncate", partition: 0, back: 1 },
      settle,
      append(0),
      wait(1),
      { kind: "truncate", partition: 0, back: 4 },
      settle,
      append(0),
      wait(3),
    ],
  },
  {
    name: "a log start raised, then a reset",
    partitions: 1,
    steps: [
      create(0),
      settle,
      append(0),
      append(0),
      wait(3),
      { kind: "raise", partition: 0, part: 2 },
      settle,
      append(0),
      { kind: "reset", partition: 0, ahead: 7 },
      settle,
      append(0),
      wait(3),
    ],
  },
  {
    name: "a truncation down to a log start in the middle of a batch",
    partitions: 1,
    steps: [
      create(0),
      settle,
      append(0, 50, 4),
      wait(3),
      { kind: "raise", partition: 0, part: 2 },
      settle,
      append(0),
      wait(3),
      { kind: "truncate", partition: 0, back: 4 },
      settle,
      append(0),
      wait(3),
    ],
  },
  {
    name: "a partition dropped and made again under the same id",
    partitions: 2,
    steps: [
      create(0),
      create(1),
      settle,
      append(0),
      append(0),
      append(1),
      wait(3),
      { kind: "drop", partition: 0 },
      settle,
      create(0),
      settle,
      append(0),
      append(1),
      wait(3),
    ],
  },
  {
    name: "direct rounds between journal rounds",
    partitions: 1,
    tuning: { directBytesPerPartitionMin: 1_000 },
    segmentBytes: 10_000,
    steps: [
      create(0),
      settle,
      append(0),
      wait(3),
      append(0, 600),
      wait(3),
      append(0),
      append(0, 600),
      wait(1),
      append(0),
      wait(3),
      append(0, 600),
      wait(20),
    ],
  },
  {
    name: "a ring that is recycled, with a partition that rests",
    partitions: 2,
    store: { journalFiles: 3, journalFileBytes: 4_096 },
    tuning: { firstFileBytesMax: 4_096, usedFilesTarget: 1, directBytesPerPartitionMin: 1_000_000, unsyncedMsMax: 5_000 },
    segmentBytes: 3_000,
    steps: [create(0), create(1), settle, append(1), wait(3), ...Array.from({ length: 7 }, () => [append(0, 500), wait(3)]).flat(), settle],
  },
  {
    name: "relaxed durability, and a change to the strict one and back",
    partitions: 1,
    steps: [
      create(0, "replicated"),
      settle,
      append(0),
      append(0),
      wait(40),
      append(0),
      { kind: "durability", partition: 0, to: "fsync" },
      settle,
      append(0),
      wait(3),
      { kind: "durability", partition: 0, to: "replicated" },
      settle,
      append(0),
      { kind: "truncate", partition: 0, back: 5 },
      settle,
      append(0),
      wait(40),
    ],
  },
  {
    name: "segments that roll, retention, and a clean restart",
    partitions: 1,
    segmentBytes: 600,
    steps: [
      create(0),
      settle,
      append(0, 150),
      append(0, 150),
      append(0, 150),
      wait(3),
      append(0, 150),
      append(0, 150),
      settle,
      { kind: "retain", partition: 0 },
      settle,
      { kind: "restart" },
      append(0, 150),
      wait(3),
    ],
  },
];
