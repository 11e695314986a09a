// What a network does wrong, how long it takes and how much it holds: rates, means and sizes, drawn per seed or set by a test.

import type { Random } from "../random.ts";

/** Rates are probabilities per packet unless they say otherwise; times are milliseconds of the world. */
export interface NetworkFaults {
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** One way, between two nodes: at least `delayMsMin`, and exponential above it. */
  readonly delayMsMin: number;
  readonly delayMsMean: number;
  /** The connection that carries the packet breaks. */
  readonly breakRate: number;
  /** The wire holds everything back for `clogMs` on average. */
  readonly clogRate: number;
  readonly clogMs: number;
  /** Per attempt: a connection is refused. */
  readonly refuseRate: number;
  /** Of a wire, one way. */
  readonly bytesPerMs: number;
  readonly packetBytesMax: number;
  /** What a connection holds that the other side has not acknowledged. */
  readonly windowBytes: number;
  /** What a stream's receiver takes before its owner has. */
  readonly streamWindowBytes: number;
  /** From here on a `write` says that there is no room. */
  readonly streamBufferBytes: number;
}

/** A fast network that does nothing wrong. */
export const soundNetwork: NetworkFaults = {
  lossRate: 0,
  duplicateRate: 0,
  delayMsMin: 0.05,
  delayMsMean: 0.05,
  breakRate: 0,
  clogRate: 0,
  clogMs: 0,
  refuseRate: 0,
  bytesPerMs: 1_000_000,
  packetBytesMax: 65_536,
  windowBytes: 1_048_576,
  streamWindowBytes: 1_048_576,
  streamBufferBytes: 262_144,
};

/** Any network that a cluster must live with. Source of the ranges: correctness.md 4.8. */
export function drawNetworkFaults(random: Random): NetworkFaults {
  return {
    lossRate: random.pick([0, 0, 0.001, 0.01, 0.1]),
    duplicateRate: random.pick([0, 0.01, 0.3]),
    delayMsMin: random.pick([0.05, 0.5, 5, 30]),
    delayMsMean: random.pick([0.05, 1, 10, 50]),
    breakRate: random.pick([0, 0.0001, 0.001, 0.005]),
    clogRate: random.pick([0, 0.0001, 0.001]),
    clogMs: random.pick([50, 500, 5_000]),
    refuseRate: random.pick([0, 0.05, 0.3]),
    bytesPerMs: random.pick([1_000, 100_000, 1_000_000]),
    packetBytesMax: random.pick([1_460, 16_384, 65_536]),
    windowBytes: random.pick([65_536, 1_048_576]),
    streamWindowBytes: random.pick([16_384, 65_536, 1_048_576]),
    streamBufferBytes: random.pick([1, 16_384, 262_144]),
  };
}
