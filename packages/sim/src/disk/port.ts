// What one process sees of the disk: the port `Disk`. The calls of a dead process wait for ever and change nothing.
// Open files are file-port.ts; what the calls do to the disk is sim-disk.ts.

import { type Disk, DiskError, type DiskFile, type DiskLock } from "@varve/runtime";
import { type Life, never } from "../life.ts";
import { Content } from "./content.ts";
import { FilePort } from "./file-port.ts";
import { Folder } from "./folder.ts";
import { entryBytes, type SimDisk } from "./sim-disk.ts";

/** The disk port of one life. */
export class DiskPort implements Disk {
  readonly #disk: SimDisk;
  readonly #life: Life;
  readonly #wallMs: () => number;

  constructor(disk: SimDisk, life: Life, wallMs: () => number) {
    this.#disk = disk;
    this.#life = life;
    this.#wallMs = wallMs;
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const opened = (content: Content) => {
      this.#disk.openFiles++;
      return new FilePort(path, content, mode !== "read", {
        disk: this.#disk,
        life: this.#life,
        wallMs: this.#wallMs,
        closed: () => {
          this.#disk.openFiles--;
        },
      });
    };
    if (mode !== "create") {
      return this.#look(() => {
        this.#disk.mayRefuse("too-many-files", path);
        this.#checkOpenFiles(path);
        return opened(this.#disk.file(path));
      });
    }
    return this.#change("disk.create", path, () => {
      const { folder, name } = this.#disk.resolve(path);
      if (folder.get(name) !== undefined) throw new DiskError("exists", path, "exists already");
      this.#disk.mayRefuse("too-many-files", path);
      this.#checkOpenFiles(path);
      this.#disk.mayRefuse("no-space", path);
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
      this.#disk.mayRefuse("no-space", from);
      if (replaced !== undefined) this.#checkReplaceable(to, entry, replaced);
      if (replaced instanceof Content) this.#free(replaced);
      source.folder.move(this.#disk.nextSequence(), source.name, target.folder, target.name);
    });
  }

  async unlink(path: string): Promise<void> {
    await this.#change("disk.unlink", path, () => {
      const content = this.#disk.file(path);
      const { folder, name } = this.#disk.resolve(path);
      this.#disk.mayRefuse("no-space", path);
      this.#free(content);
      folder.set(this.#disk.nextSequence(), name, undefined);
    });
  }

  async list(folder: string): Promise<readonly string[]> {
    return this.#look(() => {
      const found = this.#disk.folder(folder);
      this.#disk.mayRefuse("too-many-files", folder);
      return found.names();
    });
  }

  async makeFolder(path: string): Promise<void> {
    await this.#change("disk.make-folder", path, () => {
      const { folder, name } = this.#disk.resolve(path);
      if (folder.get(name) !== undefined) throw new DiskError("exists", path, "exists already");
      this.#disk.mayRefuse("no-space", path);
      this.#disk.claim(path, entryBytes);
      folder.set(this.#disk.nextSequence(), name, new Folder());
    });
  }

  async removeFolder(path: string): Promise<void> {
    await this.#change("disk.remove-folder", path, () => {
      if (!this.#disk.folder(path).isEmpty) throw new DiskError("not-empty", path, "the folder is not empty");
      this.#disk.mayRefuse("no-space", path);
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
        this.#disk.mayRefuse("too-many-files", path);
        if (this.#disk.syncFails(path)) {
          folder.loseSync(upTo);
          this.#disk.stop();
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

  #free(content: Content): void {
    content.isNamed = false;
    this.#disk.usedBytes -= content.size;
  }

  #checkOpenFiles(path: string): void {
    if (this.#disk.openFiles < this.#disk.openFilesMax) return;
    this.#disk.count("disk.fault.too-many-files");
    throw new DiskError("too-many-files", path, `${this.#disk.openFiles} files are open, as many as may be`);
  }

  #checkReplaceable(path: string, entry: Content | Folder, replaced: Content | Folder): void {
    if (entry instanceof Folder !== replaced instanceof Folder)
      throw new DiskError("io", path, "a file and a folder cannot replace each other");
    if (replaced instanceof Folder && !replaced.isEmpty) throw new DiskError("not-empty", path, "the folder is not empty");
  }
}
