// The ring: preallocated files that rounds are written into, one after the other, and that are used again once every frame in them is
// void. It hands out places and keeps the files' order; what makes frames void is flusher.ts, what is written is committer.ts.

import { invariant } from "@varve/model";
import { type Clock, type Disk, DiskError, type DiskFile, type Logger, sleep, syncWriteBytesMax } from "@varve/runtime";
import { mayPass } from "../disk-verdict.ts";
import { alignRound, roundAlignmentBytes } from "./frame.ts";
import type { JournalPartition } from "./journal-partition.ts";

export const journalFolder = "journal";

/** One file of the ring. */
export interface RingFile {
  readonly name: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
  /** Where the next round begins. */
  usedBytes: number;
  /** Of the first frame in it. */
  firstLsn: number;
  /** Newest frame in it of each partition that has one which counts. */
  readonly newest: Map<JournalPartition, number>;
}

/** Where a round goes. */
export interface Place {
  readonly file: RingFile;
  readonly position: number;
}

export interface RingPorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface RingOptions {
  readonly files: number;
  readonly fileBytes: number;
  readonly firstFileBytesMax: number;
  /** Growing leaves so much of the disk free. */
  readonly diskFreeBytesMin: number;
}

export class Ring {
  readonly #ports: RingPorts;
  readonly #options: RingOptions;
  readonly #free: RingFile[];
  /** Oldest first; the last one is being written. */
  readonly #used: RingFile[] = [];
  /** The largest round that some file can hold. */
  roundBytesMax: number;

  private constructor(ports: RingPorts, options: RingOptions, files: RingFile[]) {
    this.#ports = ports;
    this.#options = options;
    this.#free = files;
    this.roundBytesMax = Math.max(...files.map(({ sizeBytes }) => sizeBytes));
  }

  /** Opens the files that are there, whose frames are all void; makes the first one when there is none. */
  static async open(ports: RingPorts, options: RingOptions): Promise<Ring> {
    const { disk } = ports;
    const files: RingFile[] = [];
    const firstBytes = Math.min(options.fileBytes, options.firstFileBytesMax);
    for (const name of await listRing(disk)) {
      const file = await disk.open(`${journalFolder}/${name}`, "write");
      const wholeBytes = Math.floor(file.size / roundAlignmentBytes) * roundAlignmentBytes;
      // A file that is too short, because its making was cut short or the setting has changed, is filled up by `grow`.
      if (wholeBytes >= (name === ringName(0) ? firstBytes : options.fileBytes)) files.push(ringFile(name, file, wholeBytes));
      else await file.close();
    }
    // A file that an earlier life made may have its name in the page cache only.
    if (files.length > 0) await disk.syncFolder(journalFolder);
    else files.push(await makeFile(ports, ringName(0), firstBytes, zeros(firstBytes), "at-once"));
    return new Ring(ports, options, files);
  }

  /** Bytes of all files. */
  get sizeBytes(): number {
    return [...this.#free, ...this.#used].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** Bytes that cannot be used again yet. */
  get usedBytes(): number {
    return this.#used.reduce((sum, { usedBytes }, at) => sum + (at === this.#used.length - 1 ? usedBytes : this.#used[at]!.sizeBytes), 0);
  }

  /** Files that hold frames, oldest first; the last one is being written. */
  get used(): readonly RingFile[] {
    return this.#used;
  }

  get freeFiles(): number {
    return this.#free.length;
  }

  /** The file whose frames are the oldest; undefined before the first round. */
  get oldest(): RingFile | undefined {
    return this.#used[0];
  }

  /** Where a round of so many bytes goes; undefined when it must wait for a file. The place is used up. */
  place(bytes: number, lsn: number): Place | undefined {
    const active = this.#used.at(-1);
    if (active !== undefined && active.usedBytes + bytes <= active.sizeBytes) return use(active, bytes);
    const at = this.#free.findIndex(({ sizeBytes }) => sizeBytes >= bytes);
    if (at < 0) return undefined;
    const [next] = this.#free.splice(at, 1) as [RingFile];
    next.firstLsn = lsn;
    this.#used.push(next);
    return use(next, bytes);
  }

  /** No round goes to the file that is being written any more: what comes next begins a file. */
  fill(): void {
    const active = this.#used.at(-1);
    if (active !== undefined) active.usedBytes = active.sizeBytes;
  }

  /** Lets the oldest file be used again. Its frames are void, and a durable checkpoint says so. */
  release(file: RingFile): void {
    invariant(file === this.#used[0], `${file.name} is not the oldest journal file`);
    this.#used.shift();
    file.usedBytes = 0;
    file.newest.clear();
    this.#free.push(file);
  }

  /**
   * Makes the files that are still missing, in the background: zeros, synced, so that a round never changes a file's length.
   * @param isStopped asked between files. @param refused told when another try may be worth it.
   */
  async grow(isStopped: () => boolean, grown: () => void, refused: (error: DiskError) => void): Promise<void> {
    const { files, fileBytes, diskFreeBytesMin } = this.#options;
    const { disk, logger } = this.#ports;
    const present = new Set([...this.#free, ...this.#used].map(({ name }) => name));
    // One for all files: nothing would free it between them.
    const blank = zeros(fileBytes);
    for (let number = 1; present.size < files && !isStopped(); number++) {
      const name = ringName(number);
      if (present.has(name)) continue;
      const { freeBytes } = await disk.space();
      if (freeBytes < fileBytes + diskFreeBytesMin) {
        logger.warn("the journal keeps its size: the disk has no room for another file", { files: present.size, freeBytes });
        return;
      }
      try {
        this.#free.push(await makeFile(this.#ports, name, fileBytes, blank, "at-leisure"));
      } catch (error) {
        if (!mayPass(error)) throw error;
        logger.warn("the journal keeps its size: another file cannot be made now", { files: present.size, file: name, error });
        if (error.kind === "too-many-files") refused(error);
        return;
      }
      present.add(name);
      this.roundBytesMax = Math.max(this.roundBytesMax, fileBytes);
      grown();
    }
  }

  async close(): Promise<void> {
    for (const { file } of [...this.#free, ...this.#used]) await file.close();
  }
}

/** Names of the ring's files, sorted; makes the folder when it is missing. */
export async function listRing(disk: Disk): Promise<readonly string[]> {
  try {
    return (await disk.list(journalFolder)).filter((name) => /^[0-9]{4}\.journal$/.test(name));
  } catch (error) {
    if (!(error instanceof DiskError) || error.kind !== "not-found") throw error;
    await disk.makeFolder(journalFolder);
    await disk.syncFolder("");
    return [];
  }
}

function ringName(number: number): string {
  return `${String(number).padStart(4, "0")}.journal`;
}

function ringFile(name: string, file: DiskFile, sizeBytes: number): RingFile {
  return { name, file, sizeBytes, usedBytes: 0, firstLsn: 0, newest: new Map() };
}

function use(file: RingFile, bytes: number): Place {
  const position = file.usedBytes;
  file.usedBytes = alignRound(position + bytes);
  return { file, position };
}

/** What a file of so many bytes is filled with, piece by piece. */
function zeros(sizeBytes: number): Uint8Array {
  return new Uint8Array(Math.min(sizeBytes, syncWriteBytesMax));
}

/** Makes a file of zeros, or fills up one whose making was cut short; durable when it resolves. */
async function makeFile(
  { disk, clock }: RingPorts,
  name: string,
  sizeBytes: number,
  blank: Uint8Array,
  pace: "at-once" | "at-leisure",
): Promise<RingFile> {
  const path = `${journalFolder}/${name}`;
  const file = await disk.open(path, (await disk.list(journalFolder)).includes(name) ? "write" : "create");
  try {
    for (let at = file.size; at < sizeBytes; at += blank.length) {
      const beganMs = clock.monotonicMs();
      await file.write(blank.subarray(0, Math.min(blank.length, sizeBytes - at)), at);
      if (pace === "at-once") continue;
      // Rounds have the disk to themselves for at least half of the time.
      await file.sync();
      await sleep(clock, clock.monotonicMs() - beganMs);
    }
    await file.sync();
    await disk.syncFolder(journalFolder);
  } catch (error) {
    await file.close();
    throw error;
  }
  return ringFile(name, file, sizeBytes);
}
