// What a test gives the simulator of the platform: a turn for microtasks, rejections that nobody handled, and no codecs.

import type { Compression } from "@varve/model";

export const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

export const unhandledRejections = (hear: (reason: unknown) => void): (() => void) => {
  process.on("unhandledRejection", hear);
  return () => process.off("unhandledRejection", hear);
};

const missing = (): never => {
  throw new Error("this test has no codecs");
};

export const noCompression: Compression = { crc32c: missing, compress: missing, decompress: missing };
