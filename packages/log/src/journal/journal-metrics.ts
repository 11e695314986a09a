// What the journal counts. Names are part of the operator's interface.

import type { Counter, Histogram, Metrics } from "@varve/runtime";

export interface JournalMetrics {
  readonly rounds: Counter;
  readonly directRounds: Counter;
  readonly syncs: Counter;
  readonly waitsForRoom: Counter;
  readonly framesPerRound: Histogram;
  readonly bytesPerRound: Histogram;
  readonly syncSeconds: Histogram;
}

/** @param ring read when the gauges are. */
export function journalMetrics(metrics: Metrics, ring: () => { readonly usedBytes: number; readonly sizeBytes: number }): JournalMetrics {
  metrics.gauge({ name: "varve_journal_used_bytes", help: "Bytes of the journal that cannot be used again yet." }, () => ring().usedBytes);
  metrics.gauge({ name: "varve_journal_size_bytes", help: "Bytes of all journal files." }, () => ring().sizeBytes);
  return {
    rounds: metrics.counter({ name: "varve_journal_rounds_total", help: "Commit rounds." }),
    directRounds: metrics.counter({
      name: "varve_journal_direct_rounds_total",
      help: "Commit rounds that synced segments instead of the journal.",
    }),
    syncs: metrics.counter({
      name: "varve_journal_syncs_total",
      help: "Syncs that appends waited for, of the journal and in direct rounds.",
    }),
    waitsForRoom: metrics.counter({ name: "varve_journal_waits_total", help: "How often appends had to wait for room in the journal." }),
    framesPerRound: metrics.histogram({
      name: "varve_journal_round_frames",
      help: "Frames in a round.",
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024],
    }),
    bytesPerRound: metrics.histogram({
      name: "varve_journal_round_bytes",
      help: "Bytes of a round.",
      buckets: [1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216],
    }),
    syncSeconds: metrics.histogram({
      name: "varve_journal_sync_seconds",
      help: "Time to write and sync a round.",
      buckets: [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
    }),
  };
}
