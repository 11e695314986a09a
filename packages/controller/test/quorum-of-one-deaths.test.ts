// Deaths of the process, power cuts and both in a row at every operation on disk and store, in recovery too: what was answered stays, once
// and in order, and a death alone is never called corruption.

import type { Death, DiskOnly, Moment } from "@varve/sim";
import { expect, test } from "vitest";
import { openQuorumOfOne } from "../src/quorum-of-one/quorum-of-one.ts";
import { bytesOf, Listening } from "./log-listener.ts";
import { machineOf, portsOf } from "./platform.ts";

const options = { nodeId: 1, folder: "controller" };

/** What one history was promised, over all its lives. */
class Promises {
  /** Texts that were answered "committed", or that a later life has found. */
  committed: readonly string[] = [];
  /** A proposal without an answer: its texts are there together or not at all, as the next life decides for good. */
  unknown: readonly string[] = [];
  private count = 0;

  propose(entries: number): readonly string[] {
    this.count += 1;
    this.unknown = Array.from({ length: entries }, (_, at) => `${this.count}.${at}`);
    return this.unknown;
  }

  answered(): void {
    this.committed = [...this.committed, ...this.unknown];
    this.unknown = [];
  }

  /** What a life has found at its start. */
  found({ texts, installed, entries }: Listening): void {
    expect(texts.slice(0, this.committed.length)).toEqual(this.committed);
    expect([[], this.unknown]).toContainEqual(texts.slice(this.committed.length));
    this.committed = texts;
    this.unknown = [];
    const first = (installed?.index ?? 0) + 1;
    expect(entries.map(({ index }) => index)).toEqual(entries.map((_, at) => first + at));
  }
}

/** One life: opens the log, proposes so many times, takes snapshots, closes. @returns whether it came to its end. */
async function live(machine: DiskOnly, promises: Promises, proposals: number): Promise<boolean> {
  const outcome = await machine.run(async (bare) => {
    const log = await openQuorumOfOne(portsOf(bare), options);
    const heard = new Listening();
    await log.start(heard);
    promises.found(heard);
    for (let at = 0; at < proposals; at += 1) {
      const texts = promises.propose(at % 3 === 1 ? 2 : 1);
      expect(await log.propose(texts.map(bytesOf), heard.term)).toBe("committed");
      promises.answered();
      const last = heard.entries.at(-1)!;
      if (at % 2 === 1) await log.saveSnapshot({ index: last.index, term: last.term, parts: heard.texts.map(bytesOf) });
    }
    await log.close();
  });
  machine.disk.dieAt(0, "before", "process");
  return outcome.kind === "finished";
}

const moments: readonly Moment[] = ["before", "torn", "after"];
const deaths: readonly (readonly [name: string, first: Death, second: Death | undefined])[] = [
  ["the process dies", "process", undefined],
  ["the power goes", "power", undefined],
  ["the process dies and then the power goes", "process", "power"],
];

function die(machine: DiskOnly, second: Death | undefined): void {
  if (second !== undefined) machine.machine.kill(second);
}

/** How many operations a life takes that nothing ends. */
async function effectsOf(count: number): Promise<number> {
  const machine = machineOf(0);
  await live(machine, new Promises(), count);
  return machine.disk.effects;
}

test.each(deaths)("%s at every operation of a first life: the next one finds what was committed and goes on", async (_, first, second) => {
  const proposals = 5;
  const effects = await effectsOf(proposals);
  expect(effects).toBeGreaterThan(25);
  let deathCount = 0;
  for (let ordinal = 1; ordinal <= effects; ordinal += 1) {
    for (const moment of moments) {
      for (let seed = 1; seed <= 4; seed += 1) {
        const machine = machineOf(seed * 10_000 + ordinal);
        const promises = new Promises();
        machine.disk.dieAt(ordinal, moment, first);
        if (!(await live(machine, promises, proposals))) deathCount += 1;
        die(machine, second);
        expect(await live(machine, promises, 2)).toBe(true);
        machine.machine.kill("power", "drop");
        expect(await live(machine, promises, 0)).toBe(true);
      }
    }
  }
  expect(deathCount).toBe(effects * moments.length * 4);
});

test.each(deaths)("%s at every operation of a recovery from any death: nothing is lost between the two", async (_, first, second) => {
  const proposals = 3;
  const effects = await effectsOf(proposals);
  let deathCount = 0;
  for (let ordinal = 1; ordinal <= effects; ordinal += 1) {
    for (let later = 1; later <= 14; later += 1) {
      const machine = machineOf(later * 10_000 + ordinal);
      const promises = new Promises();
      machine.disk.dieAt(ordinal, moments[(ordinal + later) % 3]!, later % 2 === 0 ? "process" : "power");
      await live(machine, promises, proposals);
      machine.disk.dieAt(machine.disk.effects + later, moments[later % 3]!, first);
      if (!(await live(machine, promises, 2))) deathCount += 1;
      die(machine, second);
      expect(await live(machine, promises, 1)).toBe(true);
      machine.machine.kill("power");
      expect(await live(machine, promises, 0)).toBe(true);
    }
  }
  expect(deathCount).toBeGreaterThan(effects * 10);
});

test("twenty lives in a row, each ended somewhere, keep all that any of them was answered", async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const machine = machineOf(seed);
    const promises = new Promises();
    for (let number = 0; number < 20; number += 1) {
      const random = machine.machine.random;
      machine.disk.dieAt(machine.disk.effects + 1 + random.below(25), random.pick(moments), random.pick(["process", "power"] as const));
      await live(machine, promises, 6);
      if (random.chance(0.3)) machine.machine.kill("power");
    }
    expect(await live(machine, promises, 1)).toBe(true);
    expect(promises.committed.length).toBeGreaterThan(20);
  }
});
