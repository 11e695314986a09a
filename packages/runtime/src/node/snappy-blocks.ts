// Snappy in its two framings: one raw block, as most clients write it, and xerial's, as Kafka's Java clients do and we do.
// The blocks themselves are the snappy package's. Both framings are read; which one it is, the first eight bytes tell.
//
//  xerial: 82 53 4e 41 50 50 59 00 | version, 4 | oldest version that can read it, 4 | blocks: size, 4 | raw block

import { DecompressionError } from "@varve/model";
import { CappedOutput } from "./output.ts";

const xerialMagic = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const xerialHeaderBytes = 16;
const xerialVersion = 1;
/** Content of a block that we write; what the Java library writes. */
const blockBytes = 32_768;
/** No raw block holds more than this times its own size: a copy of 64 bytes takes 3. */
const expansionMax = 22;
const rawLengthBytesMax = 5;

/** Compresses or decompresses one raw block; throws when it is broken. */
export type RawBlock = (bytes: Uint8Array) => Uint8Array;

export function compressXerial(bytes: Uint8Array, compressRaw: RawBlock): Uint8Array {
  const blocks: Uint8Array[] = [];
  let size = xerialHeaderBytes;
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = compressRaw(bytes.subarray(at, at + blockBytes));
    blocks.push(block);
    size += 4 + block.length;
  }
  const framed = new Uint8Array(size);
  const view = new DataView(framed.buffer);
  framed.set(xerialMagic);
  view.setInt32(8, xerialVersion);
  view.setInt32(12, xerialVersion);
  let at = xerialHeaderBytes;
  for (const block of blocks) {
    view.setInt32(at, block.length);
    framed.set(block, at + 4);
    at += 4 + block.length;
  }
  return framed;
}

/** @throws {DecompressionError} when `bytes` is neither framing, or holds more than `outputBytesMax`. */
export function decompressSnappy(bytes: Uint8Array, outputBytesMax: number, decompressRaw: RawBlock): Uint8Array {
  if (!xerialMagic.every((byte, index) => bytes[index] === byte)) return openBlock(bytes, outputBytesMax, decompressRaw);
  if (bytes.length < xerialHeaderBytes) throw damaged("its header is cut");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getInt32(12) > xerialVersion) throw damaged(`it can be read from version ${view.getInt32(12)} on`);
  const output = new CappedOutput(outputBytesMax);
  let at = xerialHeaderBytes;
  while (at < bytes.length) {
    if (at + 4 > bytes.length) throw damaged(`the size at byte ${at} is cut`);
    const size = view.getInt32(at);
    at += 4;
    if (size <= 0 || size > bytes.length - at) throw damaged(`the block at byte ${at} claims ${size} bytes, ${bytes.length - at} are left`);
    output.push(openBlock(bytes.subarray(at, at + size), output.room, decompressRaw));
    at += size;
  }
  return output.take();
}

function openBlock(block: Uint8Array, room: number, decompressRaw: RawBlock): Uint8Array {
  const size = rawLength(block);
  if (size > room) throw new DecompressionError("too-large", `a snappy block of ${size} bytes, ${room} may still come`);
  if (size > block.length * expansionMax) throw damaged(`${block.length} bytes cannot hold the ${size} that they claim`);
  try {
    return decompressRaw(block);
  } catch (cause) {
    throw new DecompressionError("damaged", cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The length of its content with which a raw block begins. */
function rawLength(block: Uint8Array): number {
  let length = 0;
  for (let index = 0; index < rawLengthBytesMax; index++) {
    const byte = block[index];
    if (byte === undefined) throw damaged("its length is cut");
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return length;
  }
  throw damaged(`its length has more than ${rawLengthBytesMax} bytes`);
}

function damaged(what: string): DecompressionError {
  return new DecompressionError("damaged", `snappy: ${what}`);
}
