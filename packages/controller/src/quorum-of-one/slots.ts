// Two small files beside the store that say how far it was synced, because LevelDB drops a damaged batch of its write-ahead log without a
// word. They take turns: a write that is torn leaves the other one whole. What they mean for the store is recovery.ts's.
//
//   byte  0  magic "VSLT"
//         4  CRC-32C of bytes 8 to 63
//         8  version, 1
//        12  node that this one voted for in the term, plus one; 0 for none
//        16  number of the last synced batch
//        24  term
//        32  commit index
//        40  zeros up to byte 64
//
// Integers are big-endian; those at 8 and 12 have 32 bits, the others 64. The slot of batch n is the file slot-<n mod 2>.

import type { Compression, NodeId } from "@varve/model";
import type { Disk, DiskFile } from "@varve/runtime";
import { DiskError } from "@varve/runtime";
import { getU64, putU64 } from "./integers.ts";

export const slotByteLength = 64;
const magic = 0x56534c54;
const version = 1;

/** The consensus state as of one batch. */
export interface Slot {
  readonly batch: number;
  readonly term: number;
  readonly vote: NodeId | undefined;
  readonly commitIndex: number;
}

export function encodeSlot(slot: Slot, compression: Pick<Compression, "crc32c">): Uint8Array {
  const bytes = new Uint8Array(slotByteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic);
  view.setUint32(8, version);
  view.setUint32(12, slot.vote === undefined ? 0 : slot.vote + 1);
  putU64(view, 16, slot.batch);
  putU64(view, 24, slot.term);
  putU64(view, 32, slot.commitIndex);
  view.setUint32(4, compression.crc32c(bytes.subarray(8)));
  return bytes;
}

/** @returns undefined when the bytes are no whole slot: torn, never written, or damaged. */
export function decodeSlot(bytes: Uint8Array, compression: Pick<Compression, "crc32c">): Slot | undefined {
  if (bytes.length !== slotByteLength) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== magic || view.getUint32(4) !== compression.crc32c(bytes.subarray(8))) return undefined;
  const vote = view.getUint32(12);
  const [batch, term, commitIndex] = [getU64(view, 16), getU64(view, 24), getU64(view, 32)];
  if (view.getUint32(8) !== version || batch === undefined || term === undefined || commitIndex === undefined) return undefined;
  return { batch, term, vote: vote === 0 ? undefined : vote - 1, commitIndex };
}

/** The two files, open. */
export class SlotPair {
  /** The later of the whole ones; undefined when none is whole. */
  readonly newest: Slot | undefined;
  private readonly folder: string;
  private readonly disk: Disk;
  private readonly compression: Pick<Compression, "crc32c">;
  private readonly files: (DiskFile | undefined)[];

  private constructor(
    disk: Disk,
    compression: Pick<Compression, "crc32c">,
    folder: string,
    files: (DiskFile | undefined)[],
    newest: Slot | undefined,
  ) {
    this.disk = disk;
    this.compression = compression;
    this.folder = folder;
    this.files = files;
    this.newest = newest;
  }

  static async open(disk: Disk, compression: Pick<Compression, "crc32c">, folder: string): Promise<SlotPair> {
    const files: (DiskFile | undefined)[] = [];
    let newest: Slot | undefined;
    for (const number of [0, 1]) {
      const file = await openExisting(disk, slotPath(folder, number));
      files.push(file);
      if (file === undefined) continue;
      const bytes = new Uint8Array(slotByteLength);
      const length = await file.read(bytes, 0);
      const slot = decodeSlot(bytes.subarray(0, length), compression);
      if (slot !== undefined && slot.batch > (newest?.batch ?? -1)) newest = slot;
    }
    return new SlotPair(disk, compression, folder, files, newest);
  }

  /** Makes both files hold `slot`; the names of the files are the caller's to sync. For a store that has never been written to. */
  async create(slot: Slot): Promise<void> {
    await Promise.all([this.writeTo(0, slot), this.writeTo(1, slot)]);
  }

  /** Durable when it resolves. @throws {DiskError} and then nothing more may be promised. */
  async write(slot: Slot): Promise<void> {
    const number = slot.batch % 2;
    const isMissing = this.files[number] === undefined;
    await this.writeTo(number, slot);
    if (isMissing) await this.disk.syncFolder(this.folder);
  }

  async close(): Promise<void> {
    for (const file of this.files) await file?.close();
  }

  private async writeTo(number: number, slot: Slot): Promise<void> {
    const file = this.files[number] ?? (await this.disk.open(slotPath(this.folder, number), "create"));
    this.files[number] = file;
    file.writeSync(encodeSlot(slot, this.compression), 0);
    await file.sync();
  }
}

export function slotPath(folder: string, number: number): string {
  return `${folder}/slot-${number}`;
}

async function openExisting(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, "write");
  } catch (error) {
    if (error instanceof DiskError && error.kind === "not-found") return undefined;
    throw error;
  }
}
