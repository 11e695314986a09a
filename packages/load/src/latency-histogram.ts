// Latencies in microseconds, each kept to three digits, in a memory that does not grow with their number (HdrHistogram).

import { build, type Histogram } from "hdr-histogram-js";

/** Microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Longer waits count as this. */
const microsMax = 600_000_000;

export class LatencyHistogram {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: microsMax,
    numberOfSignificantValueDigits: 3,
    useWebAssembly: false,
  });

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** @param micros below one counts as one. */
  record(micros: number): void {
    this.#histogram.recordValue(Math.min(microsMax, Math.max(1, Math.round(micros))));
  }

  clear(): void {
    this.#histogram.reset();
  }

  /** Of at least one latency. */
  summary(): LatencySummary {
    const at = (percentile: number) => this.#histogram.getValueAtPercentile(percentile);
    return { count: this.count, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: this.#histogram.maxValue };
  }
}
