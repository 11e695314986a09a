// `varve consume`: records of a topic to standard output, from one place to another. Brokers that go away are waited for, and reading goes
// on where it was; without --follow for no longer than --timeout.

import { Buffer } from "node:buffer";
import { ClusterError, type ConsumedBatch, type Consumer, type ConsumerOptions, type RecordView } from "@varve/client";
import { withCluster } from "../cluster.ts";
import { type Invocation, UsageError } from "../command.ts";
import type { bootstrapFlags, consumeFlags } from "../flag-tables.ts";
import { separatorBytes, toJson } from "../line-formats.ts";
import type { Output } from "../output.ts";
import { parsePlace } from "../places.ts";
import { Progress } from "../progress.ts";

type Flags = typeof bootstrapFlags & typeof consumeFlags;

export async function run(invocation: Invocation<Flags>): Promise<number> {
  const { args, flags, output, say, signal } = invocation;
  const topic = args[0]!;
  const separator = flags["key-separator"] === undefined ? undefined : separatorBytes(flags["key-separator"]);
  const write = writer(flags.format, separator, topic, output);
  const options = consumerOptions(invocation);
  const done = { records: 0, bytes: 0 };
  const progress = await withCluster(invocation, async (varve) => {
    await varve.admin.describeTopic(topic, { signal });
    const consumer = varve.consume(topic, options);
    const shown = new Progress(!flags.quiet && !output.isTerminal, () => done);
    let left = flags.count ?? Number.POSITIVE_INFINITY;
    try {
      while (left > 0) {
        const batch = await next(consumer, flags.follow ? undefined : flags.timeout);
        if (batch === undefined) break;
        batch.forEach((record) => {
          if (left === 0) return;
          left -= 1;
          done.records += 1;
          done.bytes += write(batch.partition, record);
        });
        // A person, or whatever reads, gets what is here now; a next batch may be long in coming.
        if (flags.follow) await output.flush();
        if (output.isFull) await output.ready();
      }
    } finally {
      shown.end();
      consumer.close();
      await output.flush();
    }
    return shown;
  });
  if (!flags.quiet) say(progress.describe(done));
  return 0;
}

function consumerOptions({ flags, say, signal }: Invocation<Flags>): ConsumerOptions {
  const nowMs = Date.now();
  const until = flags.until === undefined ? undefined : parsePlace("--until", flags.until, nowMs);
  if (until === "earliest") throw new UsageError(["--until start ends before it begins"]);
  return {
    from: parsePlace("--from", flags.from, nowMs),
    until: until === undefined ? (flags.follow ? "never" : "end") : until === "latest" ? "end" : until,
    signal,
    ...(flags.partition === undefined ? {} : { partitions: [flags.partition] }),
    onDamaged: (error) => {
      if (!flags["skip-damaged"]) return "throw";
      say(`varve: left out: ${error.message}`);
      return "skip";
    },
  };
}

/** The next batch; undefined at the end. @throws {ClusterError} REQUEST_TIMED_OUT after `waitMs` without one. */
async function next(consumer: Consumer, waitMs: number | undefined): Promise<ConsumedBatch | undefined> {
  const taken = consumer.take();
  if (waitMs === undefined) return taken;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `no records came for ${waitMs} ms, and the end is not reached; --timeout waits for longer`;
    timer = setTimeout(() => reject(new ClusterError("REQUEST_TIMED_OUT", message)), waitMs);
  });
  try {
    return await Promise.race([taken, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Writes one record. @returns how many bytes of key and value it has. */
type Write = (partition: number, record: RecordView) => number;

function writer(format: "text" | "exact" | "json", separator: Buffer | undefined, topic: string, output: Output): Write {
  if (format === "json") {
    return (partition, record) => {
      output.json(toJson(topic, partition, record));
      return sizeOf(record.key, record.value);
    };
  }
  const newline = Buffer.from("\n");
  return (_, { key, value }) => {
    if (separator !== undefined && key !== null) {
      output.write(key);
      output.write(separator);
    }
    if (value !== null) output.write(value);
    if (format === "text") output.write(newline);
    return sizeOf(key, value);
  };
}

function sizeOf(key: Uint8Array | null, value: Uint8Array | null): number {
  return (key?.length ?? 0) + (value?.length ?? 0);
}
