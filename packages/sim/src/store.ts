// Ordered key-value stores on a simulated disk. A batch is atomic, and durable when its write resolves; one that was under way
// when the process died is there or is not. On request a store forgets a batch in the middle, as LevelDB does with a damaged one.

import { InvariantError } from "@varve/model";
import { DiskError, type KeyValueStore, type StoreOperation } from "@varve/runtime";
import { Folder } from "./disk/folder.ts";
import type { SimDisk } from "./disk/sim-disk.ts";
import { type Life, never } from "./life.ts";
import { hashBytes } from "./trace.ts";

/** How many of the last batches a store can still forget: those that LevelDB has in its write-ahead log only. */
const forgettableBatchesMax = 64;

type Batch = readonly StoreOperation[];

/** What one store holds, whoever has it open. */
class StoreContent {
  view: Map<string, Uint8Array> = new Map();
  openedBy: Life | undefined;
  readonly #settled: Map<string, Uint8Array> = new Map();
  readonly #batches: Batch[] = [];
  #hasForgotten = false;

  add(batch: Batch): void {
    apply(this.view, batch);
    this.#batches.push(batch);
    if (this.#batches.length > forgettableBatchesMax) apply(this.#settled, this.#batches.shift() as Batch);
  }

  /** @returns false when it never had, or no longer remembers, such a batch. */
  forget(fromLast: number): boolean {
    const at = this.#batches.length - 1 - fromLast;
    if (at < 0) return false;
    this.#batches.splice(at, 1);
    this.#hasForgotten = true;
    return true;
  }

  /** What is read when the store is opened: a process that has it open still sees a batch that the log has lost. */
  reopen(): void {
    if (!this.#hasForgotten) return;
    this.view = new Map(this.#settled);
    for (const batch of this.#batches) apply(this.view, batch);
    this.#hasForgotten = false;
  }
}

/** The stores of one machine's disk. They go with their folders. */
export class StoreShelf {
  readonly #disk: SimDisk;
  readonly #stores = new Map<Folder, StoreContent>();

  constructor(disk: SimDisk) {
    this.#disk = disk;
  }

  /** The port `OpenKeyValueStore` of one life. */
  async open(life: Life, path: string): Promise<KeyValueStore> {
    if (!life.alive) return never();
    const disk = this.#disk;
    return disk.plan(life, disk.faults.syncMs, {
      kind: "store.open",
      path,
      apply: () => {
        const { folder, name } = disk.resolve(path);
        const entry = folder.get(name) ?? new Folder();
        if (!(entry instanceof Folder)) throw new DiskError("io", path, "is a file");
        // A store that was opened is found again: its folder is on the disk before the first batch is.
        if (folder.get(name) === undefined) folder.set(disk.nextSequence(), name, entry);
        folder.sync(disk.nextSequence());
        const content = this.#stores.get(entry) ?? new StoreContent();
        this.#stores.set(entry, content);
        if (content.openedBy?.alive) throw new DiskError("locked", path, "the store is open already");
        content.openedBy = life;
        content.reopen();
        return new StorePort(disk, life, path, content);
      },
    });
  }

  /**
   * Damages the store in `path` so that, when it is opened the next time, one of its last batches is missing and the later
   * ones are there. @param fromLast 0 is the last batch. @returns false when the store has no such batch to lose.
   */
  loseBatch(path: string, fromLast: number): boolean {
    const lost = this.#stores.get(this.#disk.folder(path))?.forget(fromLast) ?? false;
    if (lost) this.#disk.count("store.fault.batch-lost");
    return lost;
  }
}

class StorePort implements KeyValueStore {
  readonly #disk: SimDisk;
  readonly #life: Life;
  readonly #path: string;
  readonly #content: StoreContent;
  /** Batches become durable one after the other, in the order of the calls. */
  #last: Promise<void> = Promise.resolve();
  #isOpen = true;

  constructor(disk: SimDisk, life: Life, path: string, content: StoreContent) {
    this.#disk = disk;
    this.#life = life;
    this.#path = path;
    this.#content = content;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#look(() => this.#content.view.get(key)?.slice());
  }

  async write(operations: readonly StoreOperation[]): Promise<void> {
    this.#check();
    if (!this.#life.alive) return never();
    const batch = operations.map((operation) => (operation.type === "put" ? { ...operation, value: operation.value.slice() } : operation));
    const written = this.#last.then(() => this.#commit(batch));
    this.#last = written.catch(() => {});
    return written;
  }

  async *entries(from: string, to: string): AsyncIterable<readonly [key: string, value: Uint8Array]> {
    const found = await this.#look(() =>
      [...this.#content.view].filter(([key]) => key >= from && key < to).sort(([one], [other]) => (one < other ? -1 : 1)),
    );
    for (const [key, value] of found) yield [key, value.slice()];
  }

  async close(): Promise<void> {
    this.#check();
    this.#isOpen = false;
    if (!this.#life.alive) return never();
    await this.#last;
    await this.#disk.look(this.#life, this.#disk.faults.nameMs, () => {
      this.#content.openedBy = undefined;
    });
  }

  #commit(batch: Batch): Promise<void> {
    const bytes = batch.reduce((sum, operation) => sum + operation.key.length + (operation.type === "put" ? operation.value.length : 0), 0);
    const hash = batch.reduce((mixed, operation) => (mixed ^ (operation.type === "put" ? hashBytes(operation.value) : 1)) >>> 0, bytes);
    return this.#disk.plan(this.#life, this.#disk.faults.syncMs, {
      kind: "store.write",
      path: this.#path,
      value: hash,
      apply: () => {
        this.#disk.claim(this.#path, bytes);
        if (this.#disk.syncFails(this.#path)) {
          if (this.#disk.random.chance(0.5)) this.#content.add(batch);
          throw new DiskError("io", this.#path, "the sync of a batch failed");
        }
        this.#content.add(batch);
      },
    });
  }

  #look<Value>(look: () => Value): Promise<Value> {
    this.#check();
    return this.#life.alive ? this.#disk.look(this.#life, this.#disk.faults.readMs, look) : never();
  }

  #check(): void {
    if (!this.#isOpen) throw new InvariantError(`${this.#path}: the store was used after it was closed`);
  }
}

function apply(view: Map<string, Uint8Array>, batch: Batch): void {
  for (const operation of batch) {
    if (operation.type === "put") view.set(operation.key, operation.value);
    else view.delete(operation.key);
  }
}
