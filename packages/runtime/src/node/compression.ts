// Checksums and codecs as Node has them: CRC-32C from @node-rs/crc32, gzip and zstd from zlib, snappy and lz4 from their packages.
// All but zlib are native code, and are loaded when they are first used. Why these libraries, and what bounds them: docs/decisions/0003-codecs.md.

import { createRequire } from "node:module";
import { constants, gunzipSync, gzipSync, type ZlibOptions, type ZstdOptions, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { type Compression, DecompressionError } from "@varve/model";
import { decompressLz4Frame } from "./lz4-frame.ts";
import { compressXerial, decompressSnappy } from "./snappy-blocks.ts";

const require = createRequire(import.meta.url);

/** The widest window that zstd's own levels use (level 22): what Kafka's clients may have written can be read. */
const zstdWindowLogMax = 27;

export const nodeCompression: Compression = {
  crc32c(bytes) {
    loadedCrc32c ??= (require("@node-rs/crc32") as typeof import("@node-rs/crc32")).crc32c;
    return loadedCrc32c(bytes);
  },

  compress(codec, bytes) {
    switch (codec) {
      case "gzip":
        return plain(gzipSync(bytes));
      case "snappy":
        return compressXerial(bytes, (block) => snappy().compressSync(block, copied));
      case "lz4":
        return plain(lz4().compressFrameSync(asBuffer(bytes)));
      case "zstd":
        return plain(zstdCompressSync(bytes));
    }
  },

  decompress(codec, bytes, outputBytesMax) {
    switch (codec) {
      case "gzip":
        return inflate("gzip", gunzipSync, bytes, { maxOutputLength: outputBytesMax });
      case "snappy":
        return plain(decompressSnappy(bytes, outputBytesMax, (block) => snappy().uncompressSync(block, copied) as Buffer));
      case "lz4":
        return plain(decompressLz4Frame(bytes, outputBytesMax, (block) => lz4().uncompressSync(block)));
      case "zstd":
        return inflate("zstd", zstdDecompressSync, bytes, {
          maxOutputLength: outputBytesMax,
          params: { [constants.ZSTD_d_windowLogMax]: zstdWindowLogMax },
        });
    }
  },
};

/** What zlib's synchronous functions return with `info`, which their types do not know. */
interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

function inflate<Options extends (ZlibOptions | ZstdOptions) & { readonly maxOutputLength: number }>(
  codec: string,
  decompress: (bytes: Uint8Array, options: Options) => unknown,
  bytes: Uint8Array,
  options: Options,
): Uint8Array {
  let inflated: Inflated;
  try {
    // zlib takes no limit of 0; the byte that it may then give is found below.
    inflated = decompress(bytes, { ...options, maxOutputLength: Math.max(1, options.maxOutputLength), info: true }) as Inflated;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") {
      throw new DecompressionError("too-large", `${codec}: more than ${options.maxOutputLength} bytes`, { cause });
    }
    throw new DecompressionError("damaged", `${codec}: ${message}`, { cause });
  }
  if (inflated.buffer.length > options.maxOutputLength) {
    throw new DecompressionError("too-large", `${codec}: more than ${options.maxOutputLength} bytes`);
  }
  // zlib stops at the end of the stream and says nothing of what follows.
  const left = bytes.length - inflated.engine.bytesWritten;
  if (left > 0) throw new DecompressionError("damaged", `${codec}: ${left} bytes are left behind its end`);
  return plain(inflated.buffer);
}

// Without it snappy hands out memory of its own, which costs several times more to release than the copy.
const copied = { copyOutputData: true };

type Snappy = typeof import("snappy");
type Lz4 = typeof import("lz4-napi");
let loadedCrc32c: typeof import("@node-rs/crc32").crc32c | undefined;
let loadedSnappy: Snappy | undefined;
let loadedLz4: Lz4 | undefined;

function snappy(): Snappy {
  loadedSnappy ??= require("snappy") as Snappy;
  return loadedSnappy;
}

function lz4(): Lz4 {
  loadedLz4 ??= require("lz4-napi") as Lz4;
  return loadedLz4;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The same bytes without Buffer's own ways: its `slice` is a view where a Uint8Array's is a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
