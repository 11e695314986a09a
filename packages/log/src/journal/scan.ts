// Reading the journal after a crash: all frames of a generation in the order of their lsn, up to the first that is not whole; and the
// proof that nothing behind it was ever synced. What the frames mean is fold.ts. The rules are docs/formats/journal.md, "Recovery".

import { type Compression, CorruptionError } from "@varve/model";
import { type Clock, type Disk, type DiskFile, stepBudgetMs, turn } from "@varve/runtime";
import {
  alignRound,
  claimAt,
  decodeFrame,
  type Frame,
  type FrameClaim,
  frameHeaderBytes,
  type Generation,
  isSealed,
  roundAlignmentBytes,
} from "./frame.ts";
import { journalFolder, listRing } from "./ring.ts";

/** How much is read at once. */
const readBytes = 1_048_576;
/** A file that begins with so many zeros was never written: two rounds, or one that is longer than a block. */
const unusedBytes = 2 * roundAlignmentBytes;

export interface ScanPorts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly compression: Compression;
}

/** The whole frames of one file, which follow one another. */
export interface ScannedRun {
  readonly name: string;
  readonly firstLsn: number;
  /** Behind its last whole frame. */
  readonly endBytes: number;
}

/** What stands in the journal. */
export interface Scan {
  readonly runs: readonly ScannedRun[];
  /** Newest whole frame that follows the others without a gap; one below the floor when there is none. */
  readonly lastLsn: number;
  /** Newest lsn that stands anywhere, also in frames that do not count. */
  readonly newestLsn: number;
  /** The last round, which may not have reached the disk. */
  readonly lastRound: { readonly name: string; readonly position: number; readonly endBytes: number } | undefined;
}

/**
 * @param floorLsn frames below it are void.
 * @param visit is called with each frame that counts, in order; `batches` is a view that the next frame may overwrite.
 * @throws {CorruptionError} when a frame of a later round stands behind the first that is not whole.
 */
export async function scanJournal(
  ports: ScanPorts,
  generation: Generation,
  floorLsn: number,
  visit: (frame: Frame) => void,
): Promise<Scan> {
  const files = await openRing(ports, generation, floorLsn);
  const walk = {
    runs: [] as ScannedRun[],
    lastLsn: floorLsn - 1,
    round: 0,
    newestLsn: floorLsn - 1,
    latestRound: 0,
    latestAt: "",
    lastRound: undefined as Scan["lastRound"],
  };
  try {
    for (const file of files) {
      let at = 0;
      const { name } = file;
      const firstLsn = walk.lastLsn + 1;
      for (;;) {
        const found = await nextFrame(file, at, walk.lastLsn + 1, walk.round);
        if (found === undefined) break;
        if (found.claim.round !== walk.round || found.at === 0) walk.lastRound = { name, position: found.at, endBytes: 0 };
        walk.lastLsn = found.claim.lsn;
        walk.round = found.claim.round;
        at = found.at + found.claim.length;
        walk.lastRound = { ...walk.lastRound!, endBytes: at };
        visit(found.frame);
      }
      if (at > 0) walk.runs.push({ name, firstLsn, endBytes: at });
      await searchBehind(file, at, (claim, position) => {
        if (claim.lsn < floorLsn) return;
        walk.newestLsn = Math.max(walk.newestLsn, claim.lsn);
        if (claim.round <= walk.latestRound) return;
        walk.latestRound = claim.round;
        walk.latestAt = `${name} at byte ${position}`;
      });
    }
    if (walk.latestRound > walk.lastLsn + 1) refuse(walk, files[0]!.name);
  } finally {
    for (const { file } of files) await file.close();
  }
  return { runs: walk.runs, lastLsn: walk.lastLsn, newestLsn: Math.max(walk.newestLsn, walk.lastLsn), lastRound: walk.lastRound };
}

/** Reads the runs of a scan again. @param visit as for `scanJournal`; awaited when it returns a promise. */
export async function replayRuns(
  ports: ScanPorts,
  generation: Generation,
  scan: Scan,
  visit: (frame: Frame) => void | Promise<void>,
): Promise<void> {
  let lsn = scan.runs[0]?.firstLsn ?? 0;
  for (const { name, endBytes } of scan.runs) {
    const file = new RingReader(ports, generation, name, await ports.disk.open(`${journalFolder}/${name}`, "read"), endBytes);
    try {
      for (let at = 0; at < endBytes; lsn++) {
        const found = (await frameAt(file, at, lsn)) ?? (await frameAt(file, alignRound(at), lsn));
        if (found === undefined)
          throw new CorruptionError(`${journalFolder}/${name}`, at, `frame ${lsn} was whole a moment ago and is not any more`);
        const visited = visit(found.frame);
        if (visited !== undefined) await visited;
        at = found.at + found.claim.length;
      }
    } finally {
      await file.file.close();
    }
  }
}

interface Found {
  readonly at: number;
  readonly claim: FrameClaim;
  readonly frame: Frame;
}

/** The frame that follows: in the same round at once, or as the first of the next at the next boundary. */
async function nextFrame(file: RingReader, at: number, lsn: number, round: number): Promise<Found | undefined> {
  const same = at === 0 ? undefined : await frameAt(file, at, lsn);
  if (same !== undefined && (same.claim.round === round || (same.claim.round === lsn && at === alignRound(at)))) return same;
  const next = await frameAt(file, alignRound(at), lsn);
  return next?.claim.round === lsn ? next : undefined;
}

async function frameAt(file: RingReader, at: number, lsn: number): Promise<Found | undefined> {
  const claim = await file.claim(at);
  if (claim?.lsn !== lsn || !(await file.isWhole(at, claim))) return undefined;
  const frame = decodeFrame(file.bytes, at - file.start, claim);
  return frame === undefined ? undefined : { at, claim, frame };
}

/** Looks for whole frames at every place where a round may begin, and behind those that it finds. */
async function searchBehind(file: RingReader, from: number, found: (claim: FrameClaim, position: number) => void): Promise<void> {
  for (let at = from; at + frameHeaderBytes <= file.sizeBytes; ) {
    const claim = await file.claim(at);
    if (claim !== undefined && (await file.isWhole(at, claim))) {
      found(claim, at);
      at += claim.length;
    } else at = alignRound(at + 1);
  }
}

/** The files that hold frames of the generation, oldest first, and those of which it cannot be said at a glance. */
async function openRing(ports: ScanPorts, generation: Generation, floorLsn: number): Promise<readonly RingReader[]> {
  const used: { readonly file: RingReader; readonly firstLsn: number }[] = [];
  const unclear: RingReader[] = [];
  const names = await listRing(ports.disk);
  if (names.length === 0) {
    throw new CorruptionError(journalFolder, 0, `the journal is missing; put it back. ${waysOut}`);
  }
  for (const name of names) {
    const handle = await ports.disk.open(`${journalFolder}/${name}`, "read");
    const file = new RingReader(ports, generation, name, handle, handle.size);
    const claim = await file.claim(0);
    const isWhole = claim !== undefined && (await file.isWhole(0, claim));
    if (isWhole && claim.lsn >= floorLsn) used.push({ file, firstLsn: claim.lsn });
    else if (!isWhole && !(await file.isUnused())) unclear.push(file);
    else await handle.close();
  }
  return [...used.sort((one, other) => one.firstLsn - other.firstLsn).map(({ file }) => file), ...unclear];
}

function refuse(
  walk: { readonly runs: readonly ScannedRun[]; readonly lastLsn: number; readonly latestAt: string; readonly latestRound: number },
  firstName: string,
): never {
  const last = walk.runs.at(-1);
  throw new CorruptionError(
    `${journalFolder}/${last?.name ?? firstName}`,
    last?.endBytes ?? 0,
    `frame ${walk.lastLsn + 1} of the journal is damaged, and a later round (${walk.latestRound}, in ${walk.latestAt}) proves that it was synced; ` +
      `nothing was changed, and what was acknowledged since the last mark may be damaged too. ${waysOut}`,
  );
}

/** What an operator can do who has no other copy: to give something up is his decision, never ours. */
const waysOut =
  "To go on with what the segments hold, and give up what only the journal held, put one empty file 0000.journal in its place";

/** One file of the ring, read through a window. */
class RingReader {
  readonly name: string;
  readonly file: DiskFile;
  readonly sizeBytes: number;
  readonly #ports: ScanPorts;
  readonly #generation: Generation;
  /** The window: `bytes[0]` stands at `start` in the file. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  #buffer: Uint8Array = new Uint8Array(0);
  #budgetEndsMs: number;

  constructor(ports: ScanPorts, generation: Generation, name: string, file: DiskFile, sizeBytes: number) {
    this.#ports = ports;
    this.#generation = generation;
    this.name = name;
    this.file = file;
    this.sizeBytes = sizeBytes;
    this.#budgetEndsMs = ports.clock.monotonicMs() + stepBudgetMs;
  }

  async claim(at: number): Promise<FrameClaim | undefined> {
    if (at + frameHeaderBytes > this.sizeBytes) return undefined;
    if (!this.#holds(at, frameHeaderBytes)) await this.#load(at, frameHeaderBytes);
    return this.#holds(at, frameHeaderBytes) ? claimAt(this.bytes, at - this.start, this.#generation, this.sizeBytes - at) : undefined;
  }

  async isWhole(at: number, { length }: FrameClaim): Promise<boolean> {
    if (!this.#holds(at, length)) await this.#load(at, length);
    return this.#holds(at, length) && isSealed(this.bytes, at - this.start, length, this.#ports.compression);
  }

  async isUnused(): Promise<boolean> {
    const length = Math.min(unusedBytes, this.sizeBytes);
    if (!this.#holds(0, length)) await this.#load(0, length);
    return this.bytes.subarray(0, length).every((byte) => byte === 0);
  }

  #holds(at: number, length: number): boolean {
    return at >= this.start && at + length <= this.start + this.bytes.length;
  }

  async #load(at: number, length: number): Promise<void> {
    const { clock } = this.#ports;
    if (clock.monotonicMs() >= this.#budgetEndsMs) await turn(clock);
    const wanted = Math.min(Math.max(length, readBytes), this.sizeBytes - at);
    if (this.#buffer.length < wanted) this.#buffer = new Uint8Array(wanted);
    const read = await this.file.read(this.#buffer.subarray(0, wanted), at);
    this.start = at;
    this.bytes = this.#buffer.subarray(0, read);
    this.#budgetEndsMs = clock.monotonicMs() + stepBudgetMs;
  }
}
