// Runs steps against a store and the model beside it, and holds them against each other at every step.

import type { Offset } from "@varve/model";
import { sleep } from "@varve/runtime";
import type { DiskOnly, MachinePorts } from "@varve/sim";
import type { JournaledLog } from "../../src/journaled-log.ts";
import type { LogStore, PartitionLog } from "../../src/log.ts";
import { segmentPath } from "../../src/segments/names.ts";
import { clientBatch, stampedBatch } from "./batches.ts";
import { Changes } from "./changes.ts";
import { type DriverState, idOf } from "./driver-state.ts";
import { Looks } from "./looks.ts";
import { type ModelProducer, type PartitionModel, type Pending, Violation } from "./model.ts";
import { beginRefusals, endRefusals, isRefusing, type Spell } from "./refusals.ts";
import type { Step } from "./steps.ts";

/** How often an append asks for room before it counts as hung. */
const roomAsksMax = 200;
/** How long `settle` waits for everything to be durable, in virtual time. */
const settleMsMax = 60_000;
const bytesPerStepMax = 20_000;
/** More than any round of a history holds. */
const fillAppendsMax = 400;

/** Old segments go while the log grows. */
function goesBesideAppends({ kind }: Pending): boolean {
  return kind === "raise" || kind === "retain";
}

export class Driver {
  readonly #state: DriverState;
  readonly #machine: DiskOnly;
  readonly #ports: MachinePorts;
  readonly store: LogStore;
  readonly #changes: Changes;
  readonly #looks: Looks;
  #spell: Spell | undefined;

  constructor(state: DriverState, machine: DiskOnly, ports: MachinePorts, store: LogStore) {
    this.#state = state;
    this.#machine = machine;
    this.#ports = ports;
    this.store = store;
    const isOver = () => !machine.machine.alive || state.hasFailed;
    this.#looks = new Looks(isOver);
    this.#changes = new Changes({
      clock: ports.clock,
      isOver,
      mayBeRefused: () => this.#isFull,
      endLife: () => {
        state.hasFailed = true;
        state.wasRefused = true;
      },
      nextRefusal: () => state.refusedChanges++,
    });
    for (const [number, model] of state.models.entries()) this.#listen(model, store.get(idOf(number)));
  }

  /** Runs on from where the history stands; resolves at its end, or where it says that the process ends. */
  async run(steps: readonly Step[]): Promise<"done" | "restart"> {
    while (this.#state.cursor < steps.length) {
      const step = steps[this.#state.cursor++]!;
      if (step.kind === "restart") return "restart";
      await this.#step(step);
      this.#check();
    }
    return "done";
  }

  /** Waits until nothing is under way and everything is durable that can be. */
  async settle(): Promise<void> {
    this.#makeRoom();
    this.#calm();
    while (this.#changes.areRunning && !this.#state.hasFailed) await this.#orFail(this.#changes.ended());
    for (let waitedMs = 0; !this.#isDurable(); waitedMs += 5) {
      if (waitedMs > settleMsMax) throw new Violation("appends do not become durable");
      await sleep(this.#ports.clock, 5);
    }
    if (!this.#state.hasFailed) await this.#lookAtAll();
    this.#check();
  }

  /** Nothing refuses any more: what was refused is made or is not, and everything is there. */
  async #lookAtAll(): Promise<void> {
    for (const [number, model] of this.#state.models.entries()) {
      const log = this.store.get(idOf(number));
      if (model.pending !== undefined) await model.settled(log);
      else if (log !== undefined) await model.same(log);
      if (log !== undefined) model.reported(log.durableEnd);
    }
  }

  #isDurable(): boolean {
    return (
      this.#state.hasFailed ||
      (!this.#isFull &&
        this.#logs().every(([, log]) => log.durableEnd === log.logEnd || (log as JournaledLog).partition.isJournaled === false))
    );
  }

  #logs(): (readonly [PartitionModel, PartitionLog])[] {
    return this.#state.models.flatMap((model, number) => {
      const log = this.store.get(idOf(number));
      return log === undefined ? [] : [[model, log] as const];
    });
  }

  #listen(model: PartitionModel, log: PartitionLog | undefined): void {
    log?.onDurable(() => {
      // While a reset is under way, both sides of it may be reported.
      if (this.#machine.machine.alive && log.offline === undefined && model.pending?.kind !== "reset") model.reported(log.durableEnd);
    });
  }

  /** J1, and that the ends are where the model has them. */
  #check(): void {
    this.#changes.check();
    this.#looks.check();
    for (const [model, log] of this.#logs()) {
      if (model.pending !== undefined || log.offline !== undefined) continue;
      const { marked, synced, durable, isJournaled, isEnding } = (log as JournaledLog).partition;
      if (log.logEnd !== model.end) throw new Violation(`${model.name}: ends at ${log.logEnd}, the model at ${model.end}`);
      if (isEnding || !isJournaled) continue;
      const ends = [marked, synced, durable].map(({ position }) => position.offset);
      if (!(durable.covers >= synced.covers && synced.covers >= marked.covers))
        throw new Violation(`${model.name}: J1 fails: covers ${marked.covers} ${synced.covers} ${durable.covers}`);
      if (durable.covers === marked.covers && !(ends[0]! <= ends[1]! && ends[1]! <= ends[2]! && ends[2]! <= log.logEnd))
        throw new Violation(`${model.name}: J1 fails: ${ends} ${log.logEnd} ${isJournaled}`);
    }
  }

  async #step(step: Step): Promise<void> {
    switch (step.kind) {
      case "wait":
        return sleep(this.#ports.clock, step.ms);
      case "settle":
        return this.settle();
      case "stall":
        return this.#machine.disk.stall(step.ms);
      case "full":
        this.#machine.disk.capacityBytes = this.#machine.disk.usedBytes + step.freeBytes;
        return;
      case "room":
        return this.#makeRoom();
      case "refuse":
        return this.#refuse(step.spell);
      case "fill":
        return this.#fill(step.valueBytes);
      case "sync-fails":
        return this.#failSync(step.partition, step.file);
      case "create":
        return this.#create(step.partition, step.durability);
      case "restart":
        return;
      default:
        return this.#onLog(step);
    }
  }

  /** Whether appends may be refused for want of room: it lifts by itself, some time after there is room. */
  get #isFull(): boolean {
    return (
      this.#machine.disk.capacityBytes < 1e12 ||
      isRefusing(this.#machine) ||
      this.store.writeRefusal !== undefined ||
      this.#logs().some(([, log]) => (log as JournaledLog).isRefused)
    );
  }

  #refuse(spell: Spell): void {
    this.#spell = spell;
    beginRefusals(this.#machine, spell);
    this.#ports.clock.setTimer(spell.ms, () => {
      if (this.#spell === spell) this.#calm();
    });
  }

  #calm(): void {
    this.#spell = undefined;
    endRefusals(this.#machine);
  }

  #makeRoom(): void {
    this.#machine.disk.capacityBytes = this.#state.capacityBytes ?? 1e12;
  }

  #failSync(number: number, file: "segment" | "0000.journal" | "0001.journal"): void {
    const log = this.store.get(idOf(number));
    if (file !== "segment") this.#machine.disk.failNextSync(`journal/${file}`);
    else if (log !== undefined)
      this.#machine.disk.failNextSync(segmentPath((log as JournaledLog).segments.folder, (log as JournaledLog).segments.activeBase, "log"));
  }

  #create(number: number, durability: "fsync" | "replicated"): void {
    const model = this.#state.models[number]!;
    if (model.exists || model.pending !== undefined) return;
    const config = this.#state.config(durability);
    this.#state.configs[number] = config;
    this.#changes.begin(model, { kind: "create" }, async () => {
      const log = await this.store.create(idOf(number), `topic-${number}`, config);
      return () => {
        model.created();
        this.#listen(model, log);
      };
    });
  }

  async #onLog(
    step: Exclude<Step, { kind: "wait" | "settle" | "stall" | "full" | "room" | "refuse" | "fill" | "sync-fails" | "create" | "restart" }>,
  ): Promise<void> {
    const model = this.#state.models[step.partition]!;
    const log = this.store.get(idOf(step.partition));
    if (log === undefined || !model.exists) return;
    if (step.kind === "look") return this.#looks.begin(model, log, step.part);
    const isAppend = step.kind === "append" || step.kind === "retry" || step.kind === "follow";
    if (model.pending !== undefined && !(isAppend && goesBesideAppends(model.pending))) return;
    switch (step.kind) {
      case "append":
        return this.#append(model, log, step);
      case "retry":
        return this.#retry(model, log, step.back);
      case "follow":
        return this.#follow(model, log, step);
      case "epoch":
        model.epoch++;
        return;
      case "truncate": {
        const end = Math.max(model.start, model.end - step.back);
        return this.#changes.begin(model, { kind: "truncate", end }, async () => {
          await log.truncateTo(end as Offset, model.epoch);
          return () => model.truncated(end);
        });
      }
      case "reset": {
        const start = Math.max(0, model.end + step.ahead);
        return this.#changes.begin(model, { kind: "reset", start }, async () => {
          await log.resetTo(start as Offset);
          return () => model.reset(start);
        });
      }
      case "raise": {
        const start = model.start + Math.floor((model.end - model.start) / step.part);
        return this.#changes.begin(model, { kind: "raise", start }, async () => {
          await log.raiseLogStart(start as Offset);
          return () => model.raised(start);
        });
      }
      case "retain":
        model.highWatermark = model.durable;
        log.noteHighWatermark(model.durable as Offset);
        return this.#changes.begin(model, { kind: "retain" }, async () => {
          await (log as JournaledLog).retain(this.#ports.clock.wallMs());
          return () => {
            if (log.logStart > Math.max(model.start, model.highWatermark))
              throw new Violation(`${model.name}: retention went above the high watermark: ${log.logStart}`);
            model.raised(log.logStart);
          };
        });
      case "durability": {
        const config = this.#state.config(step.to);
        this.#state.configs[step.partition] = config;
        return this.#changes.begin(model, { kind: "configure" }, async () => {
          await log.configure(config);
          return () => {};
        });
      }
      case "drop":
        return this.#changes.begin(model, { kind: "drop" }, async () => {
          await this.store.drop(log.id);
          return () => model.dropped();
        });
    }
  }

  async #append(
    model: PartitionModel,
    log: PartitionLog,
    { records, valueBytes, idempotent }: Extract<Step, { kind: "append" }>,
  ): Promise<void> {
    const producer = idempotent ? this.#producerOf(model) : undefined;
    const shape = {
      records,
      valueBytes: Math.min(valueBytes, bytesPerStepMax),
      timestampMs: this.#ports.clock.wallMs(),
      mark: ++this.#state.marks,
    };
    const client = clientBatch(
      producer === undefined ? shape : { ...shape, producer: { id: producer.id, epoch: 0, baseSequence: producer.nextSequence } },
    );
    do if (!(await this.#room(model, log, client.length))) return;
    while (log.room(client.length) !== true);
    const batch = client.slice();
    const result = log.appendAsLeader(batch, model.epoch, shape.timestampMs);
    if (result.kind === "refused") return this.#refused(log, result.failure.message);
    if (result.kind === "duplicate") throw new Violation(`${model.name}: a new batch is taken for a duplicate of ${result.baseOffset}`);
    if (result.baseOffset !== model.end || result.lastOffset !== model.end + records - 1)
      throw new Violation(`${model.name}: appended at ${result.baseOffset}, not ${model.end}`);
    if (producer !== undefined) model.sent(producer.id, producer.nextSequence, records, client, model.end);
    model.appended(batch);
  }

  /** Many small appends of all partitions in turn, until the journal has no room or one is refused. */
  #fill(valueBytes: number): void {
    for (let number = 0; number < fillAppendsMax; number++) {
      const logs = this.#logs().filter(([model]) => model.pending === undefined || goesBesideAppends(model.pending));
      const [model, log] = logs[number % logs.length] ?? [];
      if (model === undefined || log === undefined) return;
      const timestampMs = this.#ports.clock.wallMs();
      const batch = clientBatch({ records: 1, valueBytes, timestampMs, mark: ++this.#state.marks });
      if (log.room(batch.length) !== true) return;
      const result = log.appendAsLeader(batch, model.epoch, timestampMs);
      if (result.kind === "refused") return this.#refused(log, result.failure.message);
      model.appended(batch);
    }
  }

  #retry(model: PartitionModel, log: PartitionLog, back: number): void {
    const { sent } = [...model.producers.values()].at(-1) ?? { sent: [] };
    const again = sent.at(-1 - back);
    if (again === undefined || log.room(again.client.length) !== true) return;
    const result = log.appendAsLeader(again.client.slice(), model.epoch, this.#ports.clock.wallMs());
    if (result.kind === "refused" && this.#mayRefuse(log)) return;
    if (result.kind !== "duplicate" || result.baseOffset !== again.base || result.lastOffset !== again.next - 1) {
      throw new Violation(`${model.name}: a batch of [${again.base}, ${again.next}) that came again is answered ${JSON.stringify(result)}`);
    }
  }

  async #follow(model: PartitionModel, log: PartitionLog, { batches, valueBytes }: Extract<Step, { kind: "follow" }>): Promise<void> {
    const parts: Uint8Array[] = [];
    let base = model.end;
    for (let number = 0; number < batches; number++) {
      const shape = { records: 2, valueBytes, timestampMs: this.#ports.clock.wallMs(), mark: ++this.#state.marks };
      parts.push(stampedBatch(shape, base, model.epoch));
      base += 2;
    }
    const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
    do if (!(await this.#room(model, log, bytes.length))) return;
    while (log.room(bytes.length) !== true);
    const isWritten = this.store.writeRefusal === undefined && !(log as JournaledLog).isRefused;
    try {
      log.appendAsFollower(bytes.slice());
    } catch (error) {
      // One that is refused at once leaves what an earlier one left.
      if (isWritten) model.leftBehind(bytes);
      return this.#refused(log, String(error));
    }
    model.appended(bytes);
  }

  /** Waits for room. @returns false when the log has gone meanwhile. */
  async #room(model: PartitionModel, log: PartitionLog, bytes: number): Promise<boolean> {
    for (let asked = 0; asked < roomAsksMax; asked++) {
      const room = log.room(bytes);
      if (room === true) return true;
      // A full disk may keep a roll from ending, and a failed one keeps everything.
      if (this.#machine.disk.capacityBytes < 1e12) this.#makeRoom();
      if (this.#state.hasFailed) return false;
      await this.#orFail(room);
      if ((model.pending !== undefined && !goesBesideAppends(model.pending)) || !model.exists) return false;
    }
    throw new Violation(`${model.name}: no room after ${roomAsksMax} waits`);
  }

  #producerOf(model: PartitionModel): ModelProducer {
    const known = [...model.producers.values()].at(-1);
    if (known !== undefined && this.#state.marks % 4 !== 0) return known;
    return { id: ++this.#state.producers, nextSequence: 0, sent: [] };
  }

  #refused(log: PartitionLog, message: string): void {
    if (!this.#mayRefuse(log)) throw new Violation(`an append is refused for no reason: ${message}`);
  }

  /** The disk is or was full, or has failed. */
  #mayRefuse(log: PartitionLog): boolean {
    return this.#state.hasFailed || log.offline !== undefined || this.#isFull || !this.#machine.machine.alive;
  }

  /** Waits, unless something fails meanwhile. */
  async #orFail(wait: Promise<unknown>): Promise<void> {
    let isOver = false;
    wait.then(
      () => (isOver = true),
      () => (isOver = true),
    );
    while (!isOver) {
      if (this.#state.hasFailed) return;
      this.#check();
      await sleep(this.#ports.clock, 1);
    }
    await wait;
  }
}
