// Shows by random histories that a log cannot be told from the slow model.

import { test } from "vitest";
import { History } from "./history.ts";

const seeds = 60;

async function playAll(deathsIn: number): Promise<void> {
  for (let seed = 1; seed <= seeds; seed++) {
    const history = new History(seed);
    try {
      await history.play(deathsIn);
    } catch (error) {
      throw new Error(`seed ${seed}\n${history.trace.join("\n")}`, { cause: error });
    }
  }
}

test(`a log and the slow model agree over ${seeds} histories that are killed or lose their power between two operations`, () => playAll(0));

test(`a log and the slow model agree over ${seeds} histories that die at any operation of the disk, also while they are taken up`, () =>
  playAll(0.7));
