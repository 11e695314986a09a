// What one process sees of the disk: the ports `Disk` and `DiskFile`. Of a dead process the calls return or wait for ever,
// and change nothing. What the calls do to the disk: sim-disk.ts.

import { InvariantError, invariant } from "@varve/model";
import { type Disk, DiskError, type DiskFile, type DiskLock, syncWriteBytesMax } from "@varve/runtime";
import { type Life, never } from "../life.ts";
import { hashBytes } from "../trace.ts";
import { Content } from "./content.ts";
import { Folder } from "./folder.ts";
import { type Effect, entryBytes, type SimDisk } from "./sim-disk.ts";

/** The disk port of one life. */
export class DiskPort implements Disk {
  readonly #disk: SimDisk;
  readonly #life: Life;
  readonly #wallMs: () => number;
  readonly #openFiles = { count: 0 };

  constructor(disk: SimDisk, life: Life, wallMs: () => number) {
    this.#disk = disk;
    this.#life = life;
    this.#wallMs = wallMs;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const opened = (content: Content) => {
      this.#openFiles.count++;
      return new FilePort(this.#disk, this.#life, this.#wallMs, path, content, mode !== "read", this.#openFiles);
    };
    if (mode !== "create") {
      return this.#look(() => {
        this.#checkOpenFiles(path);
        return opened(this.#disk.file(path));
      });
    }
    return this.#change("disk.create", path, () => {
      const { folder, name } = this.#disk.resolve(path);
      if (folder.get(name) !== undefined) throw new DiskError("exists", path, "exists already");
      this.#checkOpenFiles(path);
      this.#disk.claim(path, entryBytes);
      const content = new Content();
      content.modifiedMs = this.#wallMs();
      folder.set(this.#disk.nextSequence(), name, content);
      return opened(content);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#change("disk.rename", `${from} ${to}`, () => {
      const source = this.#disk.resolve(from);
      const target = this.#disk.resolve(to);
      const entry = source.folder.get(source.name);
      const replaced = target.folder.get(target.name);
      if (entry === undefined) throw new DiskError("not-found", from, "no such file or folder");
      if (replaced === entry) return;
      if (replaced !== undefined) this.#checkReplaceable(to, entry, replaced);
      if (replaced instanceof Content) this.#disk.usedBytes -= replaced.size;
      source.folder.move(this.#disk.nextSequence(), source.name, target.folder, target.name);
    });
  }

  async unlink(path: string): Promise<void> {
    await this.#change("disk.unlink", path, () => {
      const content = this.#disk.file(path);
      const { folder, name } = this.#disk.resolve(path);
      this.#disk.usedBytes -= content.size;
      folder.set(this.#disk.nextSequence(), name, undefined);
    });
  }

  async list(folder: string): Promise<readonly string[]> {
    return this.#look(() => this.#disk.folder(folder).names());
  }

  async makeFolder(path: string): Promise<void> {
    await this.#change("disk.make-folder", path, () => {
      const { folder, name } = this.#disk.resolve(path);
      if (folder.get(name) !== undefined) throw new DiskError("exists", path, "exists already");
      this.#disk.claim(path, entryBytes);
      folder.set(this.#disk.nextSequence(), name, new Folder());
    });
  }

  async removeFolder(path: string): Promise<void> {
    await this.#change("disk.remove-folder", path, () => {
      if (!this.#disk.folder(path).isEmpty) throw new DiskError("not-empty", path, "the folder is not empty");
      const { folder, name } = this.#disk.resolve(path);
      folder.set(this.#disk.nextSequence(), name, undefined);
    });
  }

  async syncFolder(path: string): Promise<void> {
    if (!this.#life.alive) return never();
    const upTo = this.#disk.nextSequence();
    await this.#disk.plan(this.#life, this.#disk.faults.syncMs, {
      kind: "disk.sync-folder",
      path,
      apply: () => {
        const folder = this.#disk.folder(path);
        if (this.#disk.syncFails(path)) {
          folder.loseSync(upTo);
          throw new DiskError("io", path, "the sync of the folder failed");
        }
        folder.sync(upTo);
      },
      tear: (random) => this.#disk.folder(path).syncPartly(upTo, random),
    });
  }

  async modifiedMs(path: string): Promise<number> {
    return this.#look(() => this.#disk.file(path).modifiedMs);
  }

  async space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }> {
    return this.#look(() => ({
      totalBytes: this.#disk.capacityBytes,
      freeBytes: Math.max(0, this.#disk.capacityBytes - this.#disk.usedBytes),
    }));
  }

  async lock(): Promise<DiskLock> {
    await this.#look(() => this.#disk.lock(this.#life));
    return { release: () => this.#look(() => this.#disk.unlock(this.#life)) };
  }

  #look<Value>(look: () => Value): Promise<Value> {
    return this.#life.alive ? this.#disk.look(this.#life, this.#disk.faults.nameMs, look) : never();
  }

  #change<Value>(kind: string, path: string, apply: () => Value): Promise<Value> {
    return this.#life.alive ? this.#disk.plan(this.#life, this.#disk.faults.nameMs, { kind, path, apply }) : never();
  }

  #checkOpenFiles(path: string): void {
    if (this.#openFiles.count < this.#disk.openFilesMax) return;
    this.#disk.count("disk.fault.too-many-files");
    throw new DiskError("too-many-files", path, `${this.#openFiles.count} files are open, as many as may be`);
  }

  #checkReplaceable(path: string, entry: Content | Folder, replaced: Content | Folder): void {
    if (entry instanceof Folder !== replaced instanceof Folder)
      throw new DiskError("io", path, "a file and a folder cannot replace each other");
    if (replaced instanceof Folder && !replaced.isEmpty) throw new DiskError("not-empty", path, "the folder is not empty");
  }
}

/** One open file of one life. */
class FilePort implements DiskFile {
  readonly path: string;
  readonly #disk: SimDisk;
  readonly #life: Life;
  readonly #wallMs: () => number;
  readonly #content: Content;
  readonly #isWritable: boolean;
  readonly #openFiles: { count: number };
  #size: number;
  #isOpen = true;

  constructor(
    disk: SimDisk,
    life: Life,
    wallMs: () => number,
    path: string,
    content: Content,
    isWritable: boolean,
    openFiles: { count: number },
  ) {
    this.#disk = disk;
    this.#life = life;
    this.#wallMs = wallMs;
    this.path = path;
    this.#content = content;
    this.#isWritable = isWritable;
    this.#openFiles = openFiles;
    this.#size = content.size;
  }

  get size(): number {
    return this.#size;
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#check(true);
    invariant(
      bytes.length <= syncWriteBytesMax,
      `${this.path}: a write of ${bytes.length} bytes holds the loop; at most ${syncWriteBytesMax}`,
    );
    const size = Math.max(this.#size, position + bytes.length);
    if (this.#life.alive) this.#disk.perform(this.#writing("disk.write-sync", bytes, position));
    this.#size = size;
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#check(true);
    if (!this.#life.alive) return never();
    await this.#disk.plan(this.#life, this.#disk.faults.writeMs, this.#writing("disk.write", bytes, position));
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.#check(false);
    if (!this.#life.alive) return never();
    return this.#disk.look(this.#life, this.#disk.faults.readMs, () => {
      if (this.#disk.readFails()) throw new DiskError("io", this.path, `the read of ${into.length} bytes at ${position} failed`);
      return this.#content.read(into, position);
    });
  }

  async truncate(length: number): Promise<void> {
    this.#check(true);
    if (!this.#life.alive) return never();
    await this.#disk.plan(this.#life, this.#disk.faults.nameMs, {
      kind: "disk.truncate",
      path: this.path,
      value: length,
      apply: () => {
        this.#disk.claim(this.path, length - this.#content.size);
        this.#grow(length - this.#content.size);
        this.#content.resize(this.#disk.nextSequence(), length);
        this.#content.modifiedMs = this.#wallMs();
      },
    });
    this.#size = length;
  }

  async sync(): Promise<void> {
    this.#check(true);
    if (!this.#life.alive) return never();
    const upTo = this.#disk.nextSequence();
    await this.#disk.plan(this.#life, this.#disk.faults.syncMs, {
      kind: "disk.sync",
      path: this.path,
      value: upTo,
      apply: () => {
        if (this.#disk.syncFails(this.path)) {
          this.#content.loseSync(upTo, this.#disk.random);
          throw new DiskError("io", this.path, "the sync failed");
        }
        this.#content.sync(upTo);
      },
      tear: (random) => this.#content.syncPartly(upTo, random),
    });
  }

  async close(): Promise<void> {
    this.#check(false);
    this.#isOpen = false;
    this.#openFiles.count--;
    if (!this.#life.alive) return never();
    await this.#disk.look(this.#life, 0, () => {});
  }

  #writing(kind: string, bytes: Uint8Array, position: number): Effect<void> {
    const write = (some: Uint8Array) => {
      const growth = Math.max(0, position + some.length - this.#content.size);
      this.#grow(growth);
      this.#content.write(this.#disk.nextSequence(), some, position);
      this.#content.modifiedMs = this.#wallMs();
    };
    return {
      kind,
      path: this.path,
      value: hashBytes(bytes) + (position % 0x10_0000) * 0x1_0000_0000,
      apply: () => {
        const missing = position + bytes.length - this.#content.size - (this.#disk.capacityBytes - this.#disk.usedBytes);
        if (missing > 0 && position + bytes.length > this.#content.size) {
          // A full disk takes what fits, and says so after that.
          const fits = Math.max(0, bytes.length - missing);
          if (fits > 0) write(bytes.subarray(0, this.#disk.random.below(fits + 1)));
          this.#disk.claim(this.path, position + bytes.length - this.#content.size);
        }
        write(bytes);
      },
      tear: (random) => {
        if (bytes.length > 1) write(bytes.subarray(0, random.integer(1, bytes.length - 1)));
      },
    };
  }

  #grow(bytes: number): void {
    this.#disk.usedBytes += bytes;
  }

  #check(writes: boolean): void {
    if (!this.#isOpen) throw new InvariantError(`${this.path}: used after close`);
    if (writes && !this.#isWritable) throw new InvariantError(`${this.path}: opened for reading only`);
  }
}
