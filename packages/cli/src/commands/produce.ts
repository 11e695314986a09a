// `varve produce`: lines in, records stored. It stops at the first record that cannot be stored, so that what is there is a front of the input.

import type { Buffer } from "node:buffer";
import { createReadStream } from "node:fs";
import process from "node:process";
import { addAbortSignal, type Readable } from "node:stream";
import { ClusterError, DeliveryError, type Producer, type Receipt } from "@varve/client";
import { withCluster } from "../cluster.ts";
import { type Invocation, UsageError } from "../command.ts";
import { exitCodes, exitOf } from "../exit-codes.ts";
import { CommandError } from "../failure.ts";
import type { bootstrapFlags, formatFlags, produceFlags } from "../flag-tables.ts";
import { lineParser, type ParseLine, separatorBytes } from "../line-formats.ts";
import { LineCutter } from "../lines.ts";
import { Progress } from "../progress.ts";

type Flags = typeof formatFlags & typeof bootstrapFlags & typeof produceFlags;

// Larger pieces hold more memory until it is collected, and are no faster.
const readBytes = 262_144;

export async function run(invocation: Invocation<Flags>): Promise<number> {
  const { args, flags, output, say, signal } = invocation;
  const [topic, file] = args as [string, string?];
  const separator = flags["key-separator"] === undefined ? undefined : separatorBytes(flags["key-separator"]);
  const parse = lineParser(flags.input, separator, { key: flags.key, partition: flags.partition, headers: headerPairs(flags.header) });
  const delivery = new Delivery();
  const progress = await withCluster(invocation, async (varve) => {
    // A name that is misspelt fails here, not after the time that a record may take.
    await varve.admin.describeTopic(topic, { signal });
    const producer = varve.producer({
      acks: flags.acks,
      compression: flags.compression,
      lingerMs: flags.linger,
      batchBytes: flags["batch-bytes"],
      deliveryTimeoutMs: flags.timeout,
    });
    const shown = new Progress(!flags.quiet, () => delivery);
    try {
      const input = addAbortSignal(signal, file === undefined ? process.stdin : createReadStream(file, { highWaterMark: readBytes }));
      await postLines(input, new LineCutter(flags["line-bytes-max"]), parse, { topic, producer, delivery, signal });
      await producer.flush({ signal });
    } catch (error) {
      if (!signal.aborted) throw error;
      delivery.wasInterrupted = true;
    } finally {
      shown.end();
    }
    return shown;
  });
  if (!flags.quiet) say(`${progress.describe(delivery)}${delivery.where()}`);
  const { records, bytes, failed, problem, partitions } = delivery;
  if (flags.format === "json") {
    const seconds = Number(progress.seconds.toFixed(3));
    output.json({ topic, records, bytes, seconds, failed, error: problem ?? null, partitions });
  }
  if (delivery.wasInterrupted) {
    say(`varve: interrupted; ${records} records are stored, ${failed} more were under way`);
    return exitCodes.interrupted.code;
  }
  if (problem !== undefined) {
    say(`varve: ${problem.line === undefined ? "" : `line ${problem.line}: `}${problem.message}`);
    say(
      `       ${records} records are stored${failed > 0 ? `, ${failed} are not${problem.isOutcomeKnown ? "" : ", as far as is known: no answer came to the last attempt"}` : ""}.`,
    );
    return records > 0 ? exitCodes.partial.code : problem.exitCode;
  }
  return exitCodes.ok.code;
}

interface Problem {
  readonly line: number | undefined;
  readonly code: string | undefined;
  readonly message: string;
  readonly isOutcomeKnown: boolean;
  readonly exitCode: number;
}

interface StoredRange {
  readonly partition: number;
  first: number;
  last: number;
}

/** What became of the records. */
class Delivery {
  records = 0;
  bytes = 0;
  failed = 0;
  problem: Problem | undefined;
  wasInterrupted = false;
  readonly #partitions = new Map<number, StoredRange>();

  /** By partition. */
  get partitions(): readonly StoredRange[] {
    return [...this.#partitions.values()].sort((one, other) => one.partition - other.partition);
  }

  stored({ partition, offset }: Receipt): void {
    this.records += 1;
    if (offset === undefined) return;
    const range = this.#partitions.get(partition);
    if (range === undefined) this.#partitions.set(partition, { partition, first: offset, last: offset });
    else range.last = offset;
  }

  refused(error: unknown, line?: number): void {
    this.failed += 1;
    // What was under way when the person ended it has not failed by itself.
    if (this.wasInterrupted) return;
    if (!(error instanceof ClusterError || error instanceof CommandError)) throw error;
    const code = error instanceof ClusterError ? error.code : undefined;
    const isOutcomeKnown = !(error instanceof DeliveryError) || error.outcome === "refused";
    const exitCode = exitCodes[error instanceof ClusterError ? exitOf(error.code) : error.exit].code;
    this.problem ??= { line, code, message: code === undefined ? error.message : `${error.message} (${code})`, isOutcomeKnown, exitCode };
  }

  /** `, partition 0 from offset 0 to 999` */
  where(): string {
    const ranges = this.partitions;
    if (ranges.length === 0) return "";
    if (ranges.length > 1) return ` to ${ranges.length} partitions`;
    return ` to partition ${ranges[0]!.partition}, offsets ${ranges[0]!.first} to ${ranges[0]!.last}`;
  }
}

interface Target {
  readonly topic: string;
  readonly producer: Producer;
  readonly delivery: Delivery;
  readonly signal: AbortSignal;
}

/** Resolves when every line was taken by the producer, or one could not be. */
async function postLines(
  input: Readable,
  cutter: LineCutter,
  parse: ParseLine,
  { topic, producer, delivery, signal }: Target,
): Promise<void> {
  const settled = (error: DeliveryError | undefined, receipt: Receipt | undefined) => {
    if (receipt === undefined) delivery.refused(error);
    else delivery.stored(receipt);
  };
  /** @returns whether there is room for another record. */
  const post = (line: Buffer): boolean => {
    delivery.bytes += line.length;
    return producer.post(topic, parse(line), settled);
  };
  try {
    for await (const piece of input) {
      cutter.push(piece as Buffer);
      for (let line = cutter.next(); line !== undefined; line = cutter.next()) {
        if (post(line)) continue;
        await producer.ready({ signal });
        if (delivery.problem !== undefined) return;
      }
      if (delivery.problem !== undefined) return;
    }
    const rest = cutter.rest();
    if (rest !== undefined) post(rest);
  } catch (error) {
    if (signal.aborted || !(error instanceof ClusterError || error instanceof CommandError)) throw error;
    delivery.refused(error, Math.max(1, cutter.count));
  }
}

/** @throws {UsageError} */
function headerPairs(texts: readonly string[]): readonly (readonly [string, string])[] {
  const strange = texts.filter((text) => !/^[^=]+=/.test(text));
  if (strange.length > 0) throw new UsageError(strange.map((text) => `--header is name=value, as in tenant=a, not "${text}"`));
  return texts.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] as const);
}
