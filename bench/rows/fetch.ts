// A warm log read over a fetch stream in answers of 1 MiB, against the bare server stream that reads and checks the same bytes.

import { bareCell, halves, halvesOf, interleaved, loadCell, type Row, rowOfPairs, vitals, vitalsOf } from "../row.ts";

const logBytes = 134_217_728;

export const fetch1m: Row = rowOfPairs(
  {
    name: "fetch-1m",
    about:
      "fetch of a warm log of 128 MiB in 4 partitions, answers of 1 MiB, one request of each partition in flight, against the bare server stream",
    measures: { ...halves(0.7), ...vitals },
  },
  async (context, at) => {
    const [ours, bare] = await interleaved(at, [
      () => loadCell(context, { kind: "fetch", topic: "bench", partitionCount: 4, logBytes, batchBytes: 16_384, maxBytes: 1_048_576 }),
      () => bareCell(context, "fetch-1m"),
    ] as const);
    return { ...halvesOf(ours, bare), ...vitalsOf(ours) };
  },
);
