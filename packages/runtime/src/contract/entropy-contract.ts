// What an entropy must do: no statistics, only what a broken one would fail at once.

import { describe, expect, test } from "vitest";
import type { Entropy } from "../entropy.ts";

const draws = 2_000;

export function entropyContract(name: string, make: () => Entropy): void {
  describe(`entropy contract: ${name}`, () => {
    test("numbers are whole, below 2^32, and each of their bits is set about half of the time", () => {
      const entropy = make();
      const set = new Array<number>(32).fill(0);
      for (let draw = 0; draw < draws; draw++) {
        const number = entropy.u32();
        expect(Number.isInteger(number) && number >= 0 && number < 2 ** 32).toBe(true);
        for (let bit = 0; bit < 32; bit++) set[bit] = (set[bit] as number) + ((number >>> bit) & 1);
      }
      for (const count of set) expect(Math.abs(count - draws / 2)).toBeLessThan(draws / 4);
    });

    test("numbers do not repeat", () => {
      const entropy = make();
      expect(new Set(Array.from({ length: 100 }, () => entropy.u32())).size).toBeGreaterThan(95);
    });

    test("bytes are as many as asked for, take all values, and are the caller's own", () => {
      const entropy = make();
      expect(entropy.bytes(0).length).toBe(0);
      expect(entropy.bytes(17).length).toBe(17);
      expect(new Set(entropy.bytes(10_000)).size).toBe(256);
      const one = entropy.bytes(16);
      const copy = one.slice();
      entropy.bytes(16).fill(0);
      expect(one).toEqual(copy);
      expect(entropy.bytes(16)).not.toEqual(one);
    });
  });
}
