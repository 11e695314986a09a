// LZ4 frames, opened block by block so that no frame can make us hold more than the cap; the blocks themselves are lz4-napi's.
// Frames are read as Kafka reads them: one frame, independent blocks, no dictionary. Source: the LZ4 frame format, version 1.6.2.
//
//  magic 04 22 4d 18 | flags | block size | [content size, 8] | header checksum | blocks | 00 00 00 00 | [content checksum, 4]
//  block: size, 4 bytes little-endian, the top bit set when it is stored as it is | bytes | [block checksum, 4]

import { DecompressionError } from "@varve/model";
import { CappedOutput } from "./output.ts";
import { xxh32 } from "./xxh32.ts";

const magic = 0x184d2204;
const versionMask = 0xc0;
const version1 = 0x40;
const independentBit = 0x20;
const blockChecksumBit = 0x10;
const contentSizeBit = 0x08;
const contentChecksumBit = 0x04;
const dictionaryBit = 0x01;
const reservedFlagBits = 0x02;
const reservedSizeBits = 0x8f;
/** By the number in the block size byte, bits 4-6. */
const blockBytesMaxOf: ReadonlyMap<number, number> = new Map([
  [4, 65_536],
  [5, 262_144],
  [6, 1_048_576],
  [7, 4_194_304],
]);
const storedBit = 0x8000_0000;
/** No block holds more than this times its compressed size: one byte of a match's length stands for at most 255. */
const expansionMax = 256;

/** @param prefixed a block behind its decompressed size at most, 4 bytes little-endian. @returns the block's content; throws when broken. */
export type DecompressBlock = (prefixed: Uint8Array) => Uint8Array;

/** @throws {DecompressionError} when `bytes` is not exactly one sound frame, or holds more than `outputBytesMax`. */
export function decompressLz4Frame(bytes: Uint8Array, outputBytesMax: number, decompressBlock: DecompressBlock): Uint8Array {
  if (bytes.length < 7) throw damaged(`${bytes.length} bytes are less than a frame's header`);
  if (word(bytes, 0) !== magic) throw damaged("no frame begins here");
  const flags = bytes[4]!;
  if ((flags & versionMask) !== version1 || (flags & reservedFlagBits) !== 0) throw damaged(`flags ${flags} are of no known version`);
  if ((flags & independentBit) === 0) throw damaged("its blocks depend on each other, which Kafka's format does not allow");
  if ((flags & dictionaryBit) !== 0) throw damaged("it needs a dictionary");
  const blockBytesMax = blockBytesMaxOf.get(bytes[5]! >> 4);
  if (blockBytesMax === undefined || (bytes[5]! & reservedSizeBits) !== 0) throw damaged(`block size ${bytes[5]} means nothing`);
  const headerEnd = 6 + ((flags & contentSizeBit) === 0 ? 0 : 8);
  if (bytes.length <= headerEnd) throw damaged("its header is cut");
  if (((xxh32(bytes.subarray(4, headerEnd)) >>> 8) & 0xff) !== bytes[headerEnd]) throw damaged("its header does not match its checksum");

  const output = new CappedOutput(outputBytesMax);
  let at = headerEnd + 1;
  for (;;) {
    if (at + 4 > bytes.length) throw damaged(`it ends at byte ${bytes.length}, without its end mark`);
    const sizeWord = word(bytes, at);
    at += 4;
    if (sizeWord === 0) break;
    const size = sizeWord & ~storedBit;
    const end = at + size;
    const checksumBytes = (flags & blockChecksumBit) === 0 ? 0 : 4;
    if (size > blockBytesMax || end + checksumBytes > bytes.length) throw damaged(`the block at byte ${at} claims ${size} bytes`);
    const block = bytes.subarray(at, end);
    if (checksumBytes > 0 && xxh32(block) !== word(bytes, end)) throw damaged(`the block at byte ${at} does not match its checksum`);
    if (sizeWord >= storedBit) output.push(block);
    else output.push(openBlock(block, blockBytesMax, output.room, decompressBlock));
    at = end + checksumBytes;
  }
  const content = output.take();
  if ((flags & contentSizeBit) !== 0 && (word(bytes, 6) !== content.length || word(bytes, 10) !== 0)) {
    throw damaged(`it holds ${content.length} bytes, not what its header says`);
  }
  if ((flags & contentChecksumBit) !== 0) {
    if (at + 4 > bytes.length || xxh32(content) !== word(bytes, at)) throw damaged("its content does not match its checksum");
    at += 4;
  }
  if (at !== bytes.length) throw damaged(`${bytes.length - at} bytes are left behind it`);
  return content;
}

function openBlock(block: Uint8Array, blockBytesMax: number, room: number, decompressBlock: DecompressBlock): Uint8Array {
  const wanted = Math.min(blockBytesMax, block.length * expansionMax);
  // One byte more than there is room for is enough to see that the block goes past it.
  const allowed = Math.min(wanted, room + 1);
  const prefixed = new Uint8Array(4 + block.length);
  new DataView(prefixed.buffer).setUint32(0, allowed, true);
  prefixed.set(block, 4);
  try {
    return decompressBlock(prefixed);
  } catch (cause) {
    if (allowed < wanted) throw new DecompressionError("too-large", `a block goes past the ${room} bytes that are left`, { cause });
    throw damaged(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function damaged(what: string, cause?: unknown): DecompressionError {
  return new DecompressionError("damaged", `lz4 frame: ${what}`, { cause });
}
