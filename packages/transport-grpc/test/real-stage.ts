// A listener over the real grpc-js on the loopback, with an api that the test plays.

import type { Logger, Metrics } from "@varve/runtime";
import { nodeClock } from "@varve/runtime/node";
import { type GrpcListener, Health, loadGrpcNetwork, serveGrpc } from "../src/index.ts";
import { PlayedApi } from "./rig.ts";

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, with: () => silent };
const uncounted: Metrics = { counter: () => ({ add: () => {} }), gauge: () => {}, histogram: () => ({ observe: () => {} }) };

/** How long a real peer may take before a test calls it lost. No statement about speed. */
const patienceMs = 20_000;

export interface RealStage {
  readonly api: PlayedApi;
  readonly listener: GrpcListener;
  readonly health: Health;
}

export async function onRealStage(play: (stage: RealStage) => Promise<void>): Promise<void> {
  const network = await loadGrpcNetwork();
  const api = new PlayedApi(() => nodeClock.monotonicMs());
  const health = new Health();
  health.set(true);
  const ports = { clock: nodeClock, logger: silent, metrics: uncounted };
  const listener = await serveGrpc({ network, api: api.api, address: "127.0.0.1:0", health, ...ports });
  try {
    await play({ api, listener, health });
  } finally {
    await listener.drain(0);
  }
}

/** Resolves when `condition` holds. */
export async function eventually(condition: () => boolean, what: string): Promise<void> {
  const untilMs = nodeClock.monotonicMs() + patienceMs;
  while (!condition()) {
    if (nodeClock.monotonicMs() > untilMs) throw new Error(`did not come about: ${what}`);
    await new Promise((done) => setTimeout(done, 2));
  }
}
