// One open file as one process sees it: the port `DiskFile`. Of a dead process a synchronous call returns, an asynchronous one
// waits for ever, and neither changes anything.

import { InvariantError, invariant } from "@varve/model";
import { DiskError, type DiskFile, syncWriteBytesMax } from "@varve/runtime";
import { type Life, never } from "../life.ts";
import { hashBytes } from "../trace.ts";
import type { Content } from "./content.ts";
import type { Effect, SimDisk } from "./sim-disk.ts";

/** What an open file belongs to. */
export interface FileOwner {
  readonly disk: SimDisk;
  readonly life: Life;
  /** The machine's wall clock, for the time of modification. */
  readonly wallMs: () => number;
  readonly closed: () => void;
}

export class FilePort implements DiskFile {
  readonly path: string;
  readonly #content: Content;
  readonly #isWritable: boolean;
  readonly #owner: FileOwner;
  #size: number;
  #isOpen = true;
  #running = 0;
  #idle: (() => void) | undefined;

  constructor(path: string, content: Content, isWritable: boolean, owner: FileOwner) {
    this.path = path;
    this.#content = content;
    this.#isWritable = isWritable;
    this.#owner = owner;
    this.#size = content.size;
  }

  get size(): number {
    return this.#size;
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#check(true);
    invariant(
      bytes.length <= syncWriteBytesMax,
      `${this.path}: a write of ${bytes.length} bytes would hold the loop; at most ${syncWriteBytesMax}`,
    );
    const { disk, life } = this.#owner;
    if (life.alive) disk.perform(this.#writing("disk.write-sync", bytes, position));
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#check(true);
    await this.#change(this.#owner.disk.faults.writeMs, this.#writing("disk.write", bytes, position));
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.#check(false);
    const { disk, life } = this.#owner;
    return this.#run(() =>
      disk.look(life, disk.faults.readMs, () => {
        if (disk.readFails() || !this.#content.canRead(into.length, position))
          throw new DiskError("unreadable", this.path, `the read of ${into.length} bytes at ${position} failed`);
        return this.#content.read(into, position);
      }),
    );
  }

  async truncate(length: number): Promise<void> {
    this.#check(true);
    const { disk } = this.#owner;
    await this.#change(disk.faults.nameMs, {
      kind: "disk.truncate",
      path: this.path,
      value: length,
      apply: () => {
        disk.mayRefuse("no-space", this.path);
        const growth = length - this.#content.size;
        if (growth > 0) disk.claim(this.path, growth);
        this.#grow(growth);
        this.#content.resize(disk.nextSequence(), length);
        this.#content.modifiedMs = this.#owner.wallMs();
      },
    });
    this.#size = length;
  }

  async sync(): Promise<void> {
    this.#check(true);
    const { disk } = this.#owner;
    const upTo = disk.nextSequence();
    await this.#change(disk.faults.syncMs, {
      kind: "disk.sync",
      path: this.path,
      value: upTo,
      apply: () => {
        if (disk.syncFails(this.path)) {
          this.#content.loseSync(upTo, disk.random);
          throw new DiskError("io", this.path, "the sync failed");
        }
        if (disk.syncWantsRoom()) {
          this.#content.loseSync(upTo, disk.random);
          throw new DiskError("io", this.path, "the sync found no room", { wantsRoom: true });
        }
        this.#content.sync(upTo);
      },
      tear: (random) => this.#content.syncPartly(upTo, random),
    });
  }

  async close(): Promise<void> {
    this.#check(false);
    this.#isOpen = false;
    const { disk, life, closed } = this.#owner;
    if (!life.alive) return never();
    if (this.#running > 0) {
      await new Promise<void>((idle) => {
        this.#idle = idle;
      });
    }
    closed();
    await disk.look(life, 0, () => {});
  }

  #change(meanMs: number, effect: Effect<void>): Promise<void> {
    return this.#run(() => this.#owner.disk.plan(this.#owner.life, meanMs, effect));
  }

  /** Makes a call that `close` waits for. */
  async #run<Value>(call: () => Promise<Value>): Promise<Value> {
    if (!this.#owner.life.alive) return never();
    this.#running++;
    try {
      return await call();
    } finally {
      if (--this.#running === 0) this.#idle?.();
    }
  }

  #writing(kind: string, bytes: Uint8Array, position: number): Effect<void> {
    return {
      kind,
      path: this.path,
      value: hashBytes(bytes) + (position % 0x10_0000) * 0x1_0000_0000,
      apply: () => {
        const { disk } = this.#owner;
        const growth = position + bytes.length - this.#content.size;
        const missing = growth - (disk.capacityBytes - disk.usedBytes);
        if (growth > 0 && missing > 0) {
          // A full disk takes some of what fits, and says so after that.
          const fits = Math.max(0, bytes.length - missing);
          this.#put(bytes.subarray(0, disk.random.below(fits + 1)), position);
          disk.claim(this.path, growth);
        }
        if (growth > 0 && disk.refuses("no-space")) {
          this.#put(bytes.subarray(0, disk.random.below(bytes.length)), position);
          throw new DiskError("no-space", this.path, "refused, as drawn");
        }
        this.#put(bytes, position);
      },
      tear: (random) => this.#put(bytes.subarray(0, random.below(Math.max(1, bytes.length))), position),
    };
  }

  #put(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const { disk, wallMs } = this.#owner;
    this.#grow(Math.max(0, position + bytes.length - this.#content.size));
    this.#content.write(disk.nextSequence(), bytes, position);
    this.#content.modifiedMs = wallMs();
  }

  #grow(bytes: number): void {
    if (this.#content.isNamed) this.#owner.disk.usedBytes += bytes;
  }

  #check(writes: boolean): void {
    if (!this.#isOpen) throw new InvariantError(`${this.path}: used after it was closed`);
    if (writes && !this.#isWritable) throw new InvariantError(`${this.path}: opened for reading only`);
  }
}
