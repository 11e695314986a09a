// Shows by random histories that a log cannot be told from the slow model.

import { expect, test } from "vitest";
import { History } from "./history.ts";

const seeds = 60;

test(`a log and the slow model agree over ${seeds} random histories with deaths of the process and power cuts`, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const history = new History(seed);
    try {
      await history.play();
    } catch (error) {
      throw new Error(`seed ${seed}\n${history.trace.join("\n")}`, { cause: error });
    }
    expect(history.trace.length).toBeGreaterThan(0);
  }
});
