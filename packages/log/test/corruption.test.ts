// Shows that what was damaged on the disk is said so, with file and position, and that what a power cut may leave is not called damage.

import { CorruptionError, type Offset } from "@varve/model";
import { sleep } from "@varve/runtime";
import type { DiskOnly } from "@varve/sim";
import { expect, test } from "vitest";
import { frameHeaderBytes, roundAlignmentBytes } from "../src/journal/frame.ts";
import { append, appendDurably, batch, contents, durable, machine, open, partition, topicConfig } from "./harness.ts";

const journal = "journal/0000.journal";

/** Four rounds of one frame each, the last one too, and no mark since; the process is dead. */
async function fourRounds(seed = 1): Promise<DiskOnly> {
  const under = machine(seed);
  await under.run(async (ports) => {
    const log = await (await open(ports)).create(partition(0), "orders", topicConfig);
    for (let round = 0; round < 4; round++) await appendDurably(ports, log, batch(2, 50));
  });
  under.machine.kill("process");
  return under;
}

/** Where the rounds begin, and how many bytes of frames each has. */
function rounds(under: DiskOnly): readonly { readonly at: number; readonly bytes: number }[] {
  const bytes = under.disk.contents(journal);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: { at: number; bytes: number }[] = [];
  for (let at = 0; at + frameHeaderBytes < bytes.length; at += roundAlignmentBytes) {
    const length = view.getUint32(at + 4);
    if (length > 0) found.push({ at, bytes: length });
  }
  return found;
}

test("every flipped bit of a journal round that a later round proves to be synced is corruption, with its file and place", async () => {
  const under = await fourRounds();
  const written = rounds(under);
  expect(written.length).toBeGreaterThanOrEqual(5);
  for (const { at, bytes } of written.slice(0, -1)) {
    for (let position = at; position < at + bytes; position += 3) {
      under.disk.flipBit(journal, position, position % 8);
      const opening = under.run((ports) => open(ports));
      await expect(opening, `bit ${position % 8} of byte ${position}`).rejects.toSatisfy(
        (error) =>
          error instanceof CorruptionError &&
          error.file === journal &&
          error.position <= position &&
          position - error.position < 2 * roundAlignmentBytes,
      );
      under.machine.kill("process");
      under.disk.flipBit(journal, position, position % 8);
    }
  }
  const opened = await under.run(async (ports) => (await open(ports)).get(partition(0))!.logEnd);
  expect(opened).toEqual({ kind: "finished", value: 8 });
});

test("a damaged journal is as it was after it was refused, so that it is refused again", async () => {
  const under = await fourRounds();
  under.disk.flipBit(journal, rounds(under)[1]!.at + 20);
  const before = under.disk.contents(journal);
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(under.run((ports) => open(ports))).rejects.toBeInstanceOf(CorruptionError);
    under.machine.kill("process");
  }
  expect(under.disk.contents(journal)).toEqual(before);
});

test("damage inside the very last round is a torn round: it was never proved to be synced", async () => {
  const under = await fourRounds();
  under.disk.flipBit(journal, rounds(under).at(-1)!.at + 70);
  expect(await under.run(async (ports) => (await open(ports)).get(partition(0))!.logEnd)).toEqual({ kind: "finished", value: 6 });
});

test("a frame that is lost inside the last round, with later ones of it kept, is no corruption, and ends the journal there", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports);
    const logs = await Promise.all([0, 1, 2].map(async (number) => store.create(partition(number), "orders", topicConfig)));
    // All in one turn, so in one round.
    for (const log of logs) await append(log, batch(1, 30));
    await durable(ports, logs[2]!);
  });
  under.machine.kill("process");
  const { at, bytes } = rounds(under).at(-1)!;
  under.disk.overwrite(journal, at + bytes, new Uint8Array(frameHeaderBytes));
  const ends = await under.run(async (ports) => {
    const store = await open(ports);
    return [0, 1, 2].map((number) => store.get(partition(number))!.logEnd);
  });
  // The batches that follow the lost frame were in no synced round as far as the journal can say; they are in the segments, and whole.
  expect(ends).toEqual({ kind: "finished", value: [1, 1, 1] });
});

test("a block of the journal that was zeroed, its first one too, is corruption when a later round stands", async () => {
  for (const { at } of rounds(await fourRounds()).slice(0, -1)) {
    const under = await fourRounds();
    under.disk.overwrite(journal, at, new Uint8Array(roundAlignmentBytes));
    await expect(
      under.run((ports) => open(ports)),
      `block at ${at}`,
    ).rejects.toBeInstanceOf(CorruptionError);
  }
});

test("a flipped bit below the mark is reported by the read that meets it, with file and position, and what follows is readable", async () => {
  const under = machine();
  await under.run(async (ports) => {
    const store = await open(ports, { tailBytesMax: 0 });
    const log = await store.create(partition(0), "orders", topicConfig);
    for (let number = 0; number < 20; number++) await append(log, batch(1, 200));
    await durable(ports, log);
    await store.close();
  });
  const file = "AAAAAAAAAAAAAAAAAAAAAA-0/00000000000000000000.log";
  const size = under.disk.contents(file).length / 20;
  under.disk.flipBit(file, 3 * size + 100, 2);
  const outcome = await under.run(async (ports) => {
    const log = (await open(ports, { tailBytesMax: 0 })).get(partition(0))!;
    const below = await log.read(0 as Offset, 100_000, 3 as Offset);
    const damaged = await log.read(3 as Offset, 100_000, log.logEnd);
    if (damaged.kind !== "damaged") throw new Error(`a read of what is damaged answers ${damaged.kind}`);
    const behind = await log.read(damaged.resumeAt, 100_000, log.logEnd);
    return {
      below: below.kind,
      error: damaged.error,
      resumeAt: damaged.resumeAt,
      behind: behind.kind === "batches" ? behind.nextOffset : behind.kind,
    };
  });
  expect(outcome).toMatchObject({ kind: "finished", value: { below: "batches", error: { file, position: 3 * size }, behind: 20 } });
});

test("every flipped bit of the recovery point checkpoint is found before anything is cut by its word", async () => {
  const under = await fourRounds();
  const name = "recovery-point-offset-checkpoint";
  const { length } = under.disk.contents(name);
  for (let position = 0; position < length; position++) {
    under.disk.flipBit(name, position, position % 8);
    await expect(
      under.run((ports) => open(ports)),
      `byte ${position}`,
    ).rejects.toMatchObject({ name: "CorruptionError", file: name });
    under.machine.kill("process");
    under.disk.flipBit(name, position, position % 8);
  }
});

test("a journal that has vanished is reported, and an empty one in its place is the operator's word to go on with what the segments hold", async () => {
  const under = await fourRounds();
  await under.run(async ({ disk }) => {
    for (const name of await disk.list("journal")) await disk.unlink(`journal/${name}`);
  });
  await expect(under.run((ports) => open(ports))).rejects.toMatchObject({
    name: "CorruptionError",
    file: "journal",
    message: expect.stringContaining("empty file 0000.journal"),
  });
  under.machine.kill("process");
  await under.run(async ({ disk }) => (await disk.open("journal/0000.journal", "create")).close());
  expect(await under.run(async (ports) => (await open(ports)).get(partition(0))!.logEnd)).toEqual({ kind: "finished", value: 8 });
});

test("a partition's folder that has vanished is reported, and nothing is made anew in its place", async () => {
  const under = await fourRounds();
  await under.run(async ({ disk, clock }) => {
    for (const name of await disk.list("AAAAAAAAAAAAAAAAAAAAAA-0")) await disk.unlink(`AAAAAAAAAAAAAAAAAAAAAA-0/${name}`);
    await disk.removeFolder("AAAAAAAAAAAAAAAAAAAAAA-0");
    await sleep(clock, 1);
  });
  await expect(under.run((ports) => open(ports))).rejects.toMatchObject({ name: "CorruptionError", file: "AAAAAAAAAAAAAAAAAAAAAA-0" });
});

test("what a power cut leaves of an unsynced tail is cut, and never called corruption, whatever it is", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const under = machine(seed);
    const kept: number[] = [];
    await under.run(async (ports) => {
      const store = await open(ports);
      const log = await store.create(partition(0), "orders", topicConfig);
      await appendDurably(ports, log, batch(2, 300));
      for (let number = 0; number < seed % 7; number++) await append(log, batch(1, 700));
      kept.push(log.durableEnd, log.logEnd);
    });
    under.machine.kill("power");
    const outcome = await under.run(async (ports) => {
      const log = (await open(ports)).get(partition(0))!;
      return (await contents(log)).at(-1)!.next;
    });
    if (outcome.kind !== "finished") throw new Error("it died");
    expect(outcome.value).toBeGreaterThanOrEqual(kept[0]!);
    expect(outcome.value).toBeLessThanOrEqual(kept[1]!);
  }
});
