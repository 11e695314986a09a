// Shows J1 to J5 for short histories, at every death that they can meet.

import { expect, test } from "vitest";
import { everyDeath, everySecondDeath, recoveryAgain, shortHistories } from "./history/exhaustive.ts";

for (const history of shortHistories) {
  test(`${history.name}: nothing promised is lost and nothing cut comes back, wherever the process or the power goes`, async () => {
    const { histories, effects } = await everyDeath(history, 1_000);
    expect(histories).toBeGreaterThan(effects);
  });

  test(`${history.name}: the same with a second death at every step of the recovery`, async () => {
    const { histories } = await everySecondDeath(history, 50_000, 19, 45);
    expect(histories).toBeGreaterThan(45);
  });

  test(`${history.name}: a recovery that dies with its process is followed by one that comes to the same end`, async () => {
    const { histories } = await recoveryAgain(history, 7_000, 23);
    expect(histories).toBeGreaterThan(20);
  });
}
