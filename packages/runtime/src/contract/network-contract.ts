// What a network of message streams must do. Three suites: what two ends say to each other, what happens when one is too fast,
// and what is left when the way between them breaks.

import { describe } from "vitest";
import { exchangeContract } from "./network-exchange.ts";
import { lossContract } from "./network-loss.ts";
import { pressureContract } from "./network-pressure.ts";
import type { NetworkStage } from "./network-stage.ts";
import type { Rig } from "./rig.ts";

export type { NetworkStage } from "./network-stage.ts";

/** @param run gives its script two processes that can reach each other. */
export function networkContract(name: string, run: Rig<NetworkStage>): void {
  describe(`network contract: ${name}`, () => {
    exchangeContract(run);
    pressureContract(run);
    lossContract(run);
  });
}
