// The other strategy for fsync before ack: every round writes a batch to each of its files and syncs each of them. No network.

import { Meter } from "./meter.ts";
import type { BareOptions, BareResult } from "./protocol.ts";
import { RingFile } from "./ring-file.ts";

/** The files share `ringBytes` between them. */
export async function runFileRounds(options: BareOptions): Promise<BareResult> {
  const meter = new Meter("file-rounds", options);
  const batch = Buffer.alloc(options.bytes, 1);
  const files = Array.from(
    { length: options.count },
    () => new RingFile({ ...options, ringBytes: Math.trunc(options.ringBytes / options.count) }),
  );
  let isOver = false;
  let startMs = 0;

  function round(): void {
    if (isOver) return;
    startMs = performance.now();
    let running = files.length;
    const synced = () => {
      running -= 1;
      if (running > 0) return;
      meter.ops += 1;
      meter.bytes += files.length * options.bytes;
      meter.latency((performance.now() - startMs) * 1_000);
      round();
    };
    for (const file of files) file.write(batch, options.bytes);
    for (const file of files) file.sync(synced);
  }

  round();
  const result = await meter.measure(process.pid);
  isOver = true;
  return result;
}
