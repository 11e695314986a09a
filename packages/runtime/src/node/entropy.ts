// Chance from the operating system, drawn in blocks so that a u32 costs no system call.

import { randomFillSync } from "node:crypto";
import type { Entropy } from "../entropy.ts";

const blockBytes = 4_096;

export function nodeEntropy(): Entropy {
  const block = new DataView(new ArrayBuffer(blockBytes));
  let used = blockBytes;
  return {
    u32() {
      if (used === blockBytes) {
        randomFillSync(block);
        used = 0;
      }
      const value = block.getUint32(used);
      used += 4;
      return value;
    },
    bytes: (length) => randomFillSync(new Uint8Array(length)),
  };
}
