// One random history of one log beside the slow model: whatever is appended, rolled, cut, reset, raised, retained, closed, killed or robbed
// of its power, the log holds what the model holds, and reads, searches, epochs and producers say the same.

import { type Offset, toOffset } from "@varve/model";
import { baseOffsetOf } from "@varve/record";
import { type DiskOnly, type MachinePorts, Random } from "@varve/sim";
import { expect } from "vitest";
import { createSegmentContext, type SegmentContext } from "../../src/segments/context.ts";
import type { LogPosition, Trusted } from "../../src/segments/position.ts";
import { createSegmentedLog, openSegmentedLog, type SegmentedLog } from "../../src/segments/segmented-log.ts";
import { batchAt, batchesOf, compression, endOf, folder, joined, machine, topicConfig } from "./harness.ts";
import { ModelLog } from "./model.ts";

const livesPerSeed = 6;
const stepsPerLife = 25;

/** Where a history ends a life, and how the next one takes it up. */
type Ending = "close" | "kill-adopt" | "kill-cut" | "power-adopt" | "power-cut";
const endings: readonly Ending[] = ["close", "kill-adopt", "kill-cut", "power-adopt", "power-cut"];

export class History {
  readonly seed: number;
  readonly random: Random;
  readonly world: DiskOnly;
  model = new ModelLog();
  /** What a mark would say, and what the model held then. */
  mark: { position: LogPosition; model: ModelLog } | undefined;
  /** A truncation below the mark, as a fold would find it. */
  cutBelowMark: Offset | undefined;
  cutSinceMark = false;
  resetSinceMark: number | undefined;
  /** The power went, or the process died between what the model did and what the log did. */
  mayHaveLost = false;
  closed = false;
  readonly config;
  readonly contextOptions;
  timeMs = 1_700_000_000_000;
  epoch = 0;
  readonly trace: string[] = [];

  constructor(seed: number) {
    this.seed = seed;
    this.random = new Random(seed);
    this.world = machine(seed);
    this.config = topicConfig({
      "segment.bytes": this.random.pick([600, 2_000, 8_000]),
      "index.interval.bytes": this.random.pick([0, 150, 1_000]),
      "retention.bytes": this.random.pick([-1, 3_000]),
      "retention.ms": this.random.pick([-1, 50_000]),
    });
    this.contextOptions = {
      tailBytesMax: this.random.pick([0, 700, 100_000]),
      openFilesMax: this.random.pick([1, 3, 20]),
      producerExpiryMs: Number.MAX_SAFE_INTEGER,
      checkpointIntervalBytes: this.random.pick([300, 1_500, 1_000_000]),
    };
  }

  context(ports: MachinePorts): SegmentContext {
    return createSegmentContext({ ...ports, compression }, this.contextOptions);
  }

  /** @param deathsIn rate of lives that end in the middle of an operation, also of taking up the log. */
  async play(deathsIn = 0): Promise<void> {
    const { world, random } = this;
    await world.run(async (ports) => {
      await ports.disk.makeFolder(folder);
      await ports.disk.syncFolder("");
      const log = await createSegmentedLog(this.context(ports), folder, this.config, toOffset(0));
      await this.sync(log);
      await this.live(log);
    });
    for (let life = 0; life < livesPerSeed; life++) {
      const ending = random.pick(endings);
      this.trace.push(`-- ${ending}`);
      if (ending === "power-adopt" || ending === "power-cut") {
        world.machine.kill("power");
        this.mayHaveLost = true;
      }
      if (life < livesPerSeed - 1 && random.chance(deathsIn)) {
        const effect = world.disk.effects + random.integer(1, 150);
        world.disk.dieAt(effect, random.pick(["before", "torn", "after"] as const), random.pick(["process", "power"] as const));
      } else {
        world.disk.dieAt(0, "before", "process");
      }
      const outcome = await world.run(async (ports) => {
        const log = await this.open(ports, ending);
        await this.check(log);
        await this.sync(log);
        await this.live(log);
        if (life < livesPerSeed - 1 && random.chance(0.3)) await this.close(log);
      });
      if (outcome.kind === "died") {
        this.mayHaveLost = true;
        this.trace.push("died");
      }
    }
  }

  async close(log: SegmentedLog): Promise<void> {
    this.trace.push("close");
    const { position } = log;
    await log.close();
    this.markAt(position, this.model.clone());
    this.closed = true;
  }

  async open(ports: MachinePorts, ending: Ending): Promise<SegmentedLog> {
    const { model, mark } = this;
    const below = this.cutBelowMark;
    const trusted: Trusted = this.closed
      ? { kind: "all" }
      : below !== undefined
        ? { kind: "offset", offset: below }
        : { kind: "position", position: mark!.position };
    this.closed = false;
    this.trace.push(`open ${JSON.stringify(trusted)} start ${model.start}`);
    const log = await openSegmentedLog(this.context(ports), folder, this.config, trusted, toOffset(model.start));
    if (trusted.kind === "position") expect(log.logEnd).toBe(mark!.position.offset);
    if (this.resetSinceMark !== undefined) {
      await log.reset(toOffset(this.resetSinceMark));
      model.reset(this.resetSinceMark);
    } else if (trusted.kind !== "all") {
      // What a cut took may come back with the power: its frame says so, and nobody adopts then.
      if (ending === "kill-cut" || ending === "power-cut" || this.cutSinceMark) await this.cutToTrusted(log);
      else await this.adopt(log);
    }
    expect(log.hasResidue).toBe(false);
    return log;
  }

  async cutToTrusted(log: SegmentedLog): Promise<void> {
    await log.cut(log.logEnd);
    // Until the next sync what was cut may come back.
    this.cutSinceMark = true;
    const { start } = this.model;
    this.model = this.mark!.model.clone();
    this.model.raise(start);
    this.lose(log);
  }

  async adopt(log: SegmentedLog): Promise<void> {
    const adopted = await log.adoptTail();
    this.trace.push(`adopted ${JSON.stringify(adopted)}`);
    expect(adopted.end).toBe(log.logEnd);
    // The process's death loses nothing: all that was written is in the cache.
    if (!this.mayHaveLost) expect(log.logEnd).toBe(this.model.end);
    expect(log.logEnd).toBeLessThanOrEqual(this.model.end);
    this.lose(log);
  }

  /**
   * What was behind the log's end did not survive. When the log start lay there too, nothing did, and the log began anew: then it may
   * have forgotten the producers, or a snapshot may have told it of them.
   */
  lose(log: SegmentedLog): void {
    const { model } = this;
    const isEmptied = log.logStart === log.logEnd && ![...model.producers().keys()].some((id) => this.knowsProducer(log, id));
    if (isEmptied) return model.reset(log.logStart);
    model.batches = model.batches.filter(({ end }) => end <= log.logEnd);
    model.epochs = model.epochs.filter(({ startOffset }) => startOffset < log.logEnd);
    model.end = log.logEnd;
  }

  knowsProducer(log: SegmentedLog, id: number): boolean {
    return log.checkProducer(batchAt(0, { producer: { id, epoch: 0, baseSequence: 1_000_000 } }), 0).kind === "refused";
  }

  async sync(log: SegmentedLog): Promise<void> {
    this.trace.push(`sync at ${log.logEnd}`);
    const model = this.model.clone();
    const position = await log.sync();
    expect(position.offset).toBe(model.end);
    this.markAt(position, model);
  }

  markAt(position: LogPosition, model: ModelLog): void {
    this.mark = { position, model };
    this.cutBelowMark = undefined;
    this.cutSinceMark = false;
    this.resetSinceMark = undefined;
    this.mayHaveLost = false;
  }

  async live(log: SegmentedLog): Promise<void> {
    for (let step = 0; step < stepsPerLife; step++) await this.step(log);
  }

  async step(log: SegmentedLog): Promise<void> {
    const { random, model } = this;
    const kind = random.below(100);
    if (kind < 55) await this.append(log);
    else if (kind < 62) await this.sync(log);
    else if (kind < 66) {
      this.trace.push("roll");
      await log.roll();
    } else if (kind < 71) {
      const end = random.integer(model.start, model.end + 2);
      this.trace.push(`cut ${end}`);
      const boundary = model.cutEnd(end);
      expect(await log.cutEnd(toOffset(end))).toBe(boundary);
      this.cutSinceMark ||= boundary < model.end;
      // The truncation's frame is durable before the file is cut.
      if (boundary < this.mark!.position.offset) this.cutBelowMark = toOffset(Math.min(boundary, this.cutBelowMark ?? boundary));
      expect(await log.cut(toOffset(end))).toBe(boundary);
      model.cut(end);
      if (boundary < this.mark!.position.offset && random.chance(0.5)) await this.sync(log);
    } else if (kind < 73) {
      const start = random.pick([model.end, model.end + 100, random.integer(0, model.end)]);
      this.trace.push(`reset ${start}`);
      this.resetSinceMark = start;
      await log.reset(toOffset(start));
      model.reset(start);
      // Its `start` frame would be folded so: everything before it is gone.
      await this.sync(log);
    } else if (kind < 78) {
      const start = random.integer(model.start, model.end);
      this.trace.push(`raise ${start}`);
      model.raise(start);
      log.raiseStart(toOffset(start));
      if (random.chance(0.7)) await this.deleteBelowStart(log);
    } else if (kind < 82) {
      const highWatermark = toOffset(random.integer(model.start, model.end));
      const start = await log.retentionStart(this.timeMs, highWatermark);
      this.trace.push(`retention below ${highWatermark}: ${start}`);
      if (start !== undefined) {
        expect(start).toBeLessThanOrEqual(highWatermark);
        model.raise(start);
        log.raiseStart(start);
        await this.deleteBelowStart(log);
      }
    } else if (kind < 84) {
      await log.scrubStep(random.integer(1, 2_000));
    } else {
      await this.checkSome(log);
    }
    expect([log.logStart, log.logEnd]).toEqual([model.start, model.end]);
  }

  /** What goes lies below the mark: journal.md 8. */
  async deleteBelowStart(log: SegmentedLog): Promise<void> {
    if (this.mark!.position.offset < log.logStart || this.cutBelowMark !== undefined) await this.sync(log);
    await log.deleteBelowStart();
  }

  async append(log: SegmentedLog): Promise<void> {
    const { random, model } = this;
    const batches: Uint8Array[] = [];
    if (random.chance(0.1)) this.epoch += random.integer(1, 3);
    let base: number = log.logEnd;
    for (let count = random.integer(1, 3); count > 0; count--) {
      this.timeMs += random.pick([0, 10, 1_000, -500]);
      const id = random.below(4);
      const known = model.producers().get(id);
      const last = known?.batches.at(-1);
      const producer =
        id === 3
          ? undefined
          : { id, epoch: known?.epoch ?? 0, baseSequence: last === undefined ? 0 : last.sequence + (last.end - last.base) };
      const timestampMs = random.chance(0.05) ? -1 : this.timeMs;
      const batch = batchAt(base, {
        epoch: this.epoch,
        records: random.integer(1, 4),
        valueBytes: random.integer(0, 300),
        timestampMs,
        ...(producer === undefined ? {} : { producer }),
      });
      base = endOf(batch);
      model.append(batch);
      batches.push(batch);
    }
    const whole = joined(batches);
    if (log.mustRoll(whole.length, this.timeMs)) await log.roll();
    log.appendStamped(whole);
  }

  async checkSome(log: SegmentedLog): Promise<void> {
    const { random, model } = this;
    const from = random.integer(model.start, model.end);
    const below = random.integer(from, model.end);
    const bytesMax = random.pick([1, 500, 5_000, 1_000_000]);
    const wanted = model.read(from, bytesMax, below);
    const isOnDiskOnly = log.isOnDiskOnly(toOffset(from));
    const reading = log.read(toOffset(from), bytesMax, toOffset(below));
    expect(reading instanceof Promise).toBe(isOnDiskOnly && from < below);
    const result = await reading;
    const got = batchesOf(result);
    // A read may bring less than it could: it stops at the end of a segment. But what it brings is right, and never nothing.
    expect(got.length).toBeLessThanOrEqual(wanted.length);
    expect(got.length > 0).toBe(wanted.length > 0);
    expect(joined(got)).toEqual(joined(wanted.slice(0, got.length).map(({ bytes }) => bytes)));
    if (result.kind === "batches") expect(result.nextOffset).toBe(wanted[got.length - 1]?.end ?? from);

    const timestampMs = this.timeMs - random.below(30_000);
    const found = await log.findByTime(timestampMs, toOffset(below));
    expect(found === undefined ? undefined : baseOffsetOf(batchesOf(found)[0]!, 0)).toBe(model.findByTime(timestampMs, below)?.base);

    this.checkEpochs(log);
    this.checkProducers(log);
  }

  /** Of an emptied log the last epoch may be known or not: no record bears it. */
  checkEpochs(log: SegmentedLog): void {
    const { model } = this;
    if (model.start === model.end) return;
    expect(log.latestEpoch).toEqual(model.epochs.at(-1));
    for (let epoch = 0; epoch <= this.epoch + 1; epoch++) expect(log.endOfEpoch(epoch)).toEqual(model.endOfEpoch(epoch));
  }

  /** Every batch that should be remembered is recognised, at its place; and the next one is new. */
  checkProducers(log: SegmentedLog): void {
    for (const [id, { epoch, batches }] of this.model.producers()) {
      for (const { sequence, base, end } of batches) {
        const repeat = batchAt(0, { records: end - base, producer: { id, epoch, baseSequence: sequence } });
        expect(log.checkProducer(repeat, 0)).toMatchObject({ kind: "duplicate", baseOffset: base, lastOffset: end - 1 });
      }
      const last = batches.at(-1)!;
      const baseSequence = last.sequence + (last.end - last.base);
      expect(log.checkProducer(batchAt(0, { producer: { id, epoch, baseSequence } }), 0).kind).toBe("new");
      expect(log.checkProducer(batchAt(0, { producer: { id, epoch, baseSequence: baseSequence + 1 } }), 0).kind).toBe("refused");
    }
  }

  async check(log: SegmentedLog): Promise<void> {
    const { model } = this;
    expect([log.logStart, log.logEnd]).toEqual([model.start, model.end]);
    const wanted = model.batches.filter(({ end }) => end > model.start);
    let offset = model.start;
    const got: Uint8Array[] = [];
    while (offset < model.end) {
      const batches = batchesOf(await log.read(toOffset(offset), 1_000, log.logEnd));
      expect(batches.length).toBeGreaterThan(0);
      got.push(...batches);
      offset = endOf(batches.at(-1)!);
    }
    expect(joined(got)).toEqual(joined(wanted.map(({ bytes }) => bytes)));
    this.checkEpochs(log);
    this.checkProducers(log);
    expect(log.damage).toEqual([]);
  }
}
