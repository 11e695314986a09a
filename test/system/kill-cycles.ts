// Kills a real broker (-9) at random moments while requests are in flight, starts it again, and holds what it acknowledged against what it
// has. Unanswered batches are sent again under their numbers, as an idempotent producer does: each must be there once.
// `node test/system/kill-cycles.ts --cycles 200` is the long run; kill.test.ts runs a short one.

import { parseArgs } from "node:util";
import type { ProduceResult } from "@varve/api";
import { ClusterError, type Offset, type PartitionId, toOffset } from "@varve/model";
import { BatchBuilder, batchSize, readRecords } from "@varve/record";
import { nodeClock, nodeCompression } from "@varve/runtime/node";
import { type GrpcCaller, grpcCaller, loadGrpcNetwork, type ProduceCall } from "@varve/transport-grpc";
import { type ServerProcess, startServer } from "../cli/server-process.ts";

const partitionCount = 3;
/** Requests in flight, over all partitions, whenever the broker is killed. */
export const inFlightMin = 32;
const inFlightMax = 64;
const recordsPerBatch = 4;
const valueBytes = 700;
/** The broker keeps the last five batches of a producer, so no more of one partition may be in doubt at once. */
const unansweredPerProducerMax = 5;
const producersPerPartition = Math.ceil(inFlightMax / partitionCount / unansweredPerProducerMax) + 1;
const callTimeoutMs = 30_000;
/** The caller ends calls by itself. */
const unhurried = new AbortController().signal;

export interface KillReport {
  cycles: number;
  acked: number;
  unanswered: number;
  /** Unanswered ones that the broker had stored all the same. */
  recovered: number;
  lost: number;
  duplicated: number;
}

/** A producer of one partition: a producer id, and its batches that have no answer. */
interface Producer {
  readonly id: PartitionId;
  readonly producerId: number;
  nextSequence: number;
  /** Sent and not answered, in order. */
  unanswered: Batch[];
}

interface Batch {
  readonly producer: Producer;
  readonly firstValue: number;
  readonly bytes: Uint8Array;
  baseOffset: Offset | undefined;
}

export async function killCycles(cycles: number, random: () => number, progress: (line: string) => void): Promise<KillReport> {
  const report: KillReport = { cycles: 0, acked: 0, unanswered: 0, recovered: 0, lost: 0, duplicated: 0 };
  const server = await startServer();
  try {
    const run = await KillRun.begin(server, report);
    for (; report.cycles < cycles; report.cycles += 1) {
      await run.cycle(random);
      if ((report.cycles + 1) % 20 === 0) progress(`${report.cycles + 1} cycles, ${report.acked} acked, ${report.unanswered} unanswered`);
    }
    await run.checkAll();
    return report;
  } finally {
    await server.stop();
  }
}

class KillRun {
  readonly #server: ServerProcess;
  readonly #report: KillReport;
  readonly #network: Awaited<ReturnType<typeof loadGrpcNetwork>>;
  #caller: GrpcCaller;
  #producers: Producer[] = [];
  #nextValue = 0;
  /** Where the first record of each acknowledged batch must stand, by its value. */
  readonly #acked = new Map<number, { readonly partition: number; readonly offset: number }>();
  #topicId: PartitionId["topicId"] | undefined;

  private constructor(server: ServerProcess, report: KillReport, network: Awaited<ReturnType<typeof loadGrpcNetwork>>) {
    this.#server = server;
    this.#report = report;
    this.#network = network;
    this.#caller = this.#connect();
  }

  static async begin(server: ServerProcess, report: KillReport): Promise<KillRun> {
    const run = new KillRun(server, report, await loadGrpcNetwork());
    const topic = { name: "killed", partitionCount, replicationFactor: 1, config: new Map([["segment.bytes", "1MiB"]]) };
    const [created] = await run.#caller.admin.createTopics([topic], false, unhurried);
    if (created?.kind !== "ok") throw new Error(`no topic: ${created?.failure.message}`);
    run.#topicId = created.value.topicId;
    for (let number = 0; number < partitionCount * producersPerPartition; number += 1) {
      const { producerId } = await run.#caller.admin.initProducerId(unhurried);
      run.#producers.push({ id: run.#partition(number % partitionCount), producerId, nextSequence: 0, unanswered: [] });
    }
    return run;
  }

  /** Sends until enough is in flight and a random while longer, kills, restarts, sends again what was not answered, and reads it back. */
  async cycle(random: () => number): Promise<void> {
    const doomed = await this.#produceUntilKilled(random);
    this.#report.unanswered += doomed.length;
    await this.#server.start();
    await this.#caller.close();
    this.#caller = this.#connect();
    const before = await this.#ends();
    await this.#sendAgain(doomed);
    for (const { baseOffset, producer } of doomed) {
      if (baseOffset !== undefined && baseOffset < before[producer.id.partition]!) this.#report.recovered += 1;
    }
  }

  /** Every acknowledged record stands at its offset, and no value stands twice. */
  async checkAll(): Promise<void> {
    const seen = new Map<number, number>();
    for (let partition = 0; partition < partitionCount; partition += 1) {
      for await (const { value, offset } of this.#records(partition)) {
        seen.set(value, (seen.get(value) ?? 0) + 1);
        const promised = this.#acked.get(value);
        if (promised !== undefined && (promised.partition !== partition || promised.offset !== offset)) this.#report.lost += 1;
      }
    }
    for (const value of this.#acked.keys()) if (!seen.has(value)) this.#report.lost += 1;
    for (const count of seen.values()) if (count > 1) this.#report.duplicated += count - 1;
  }

  async #produceUntilKilled(random: () => number): Promise<Batch[]> {
    const lingerMs = 5 + random() * 60;
    let isKilled = false;
    let killing: Promise<void> | undefined;
    await new Promise<void>((resolve) => {
      const call: ProduceCall = this.#caller.openProduce({ ready: () => pump(), closed: () => resolve() });
      const pump = () => {
        while (!isKilled && call.isReady && call.inFlight < inFlightMax) {
          const producer = this.#producers.find(({ unanswered }) => unanswered.length < unansweredPerProducerMax);
          if (producer === undefined) return;
          this.#send(call, this.#batch(producer), pump);
        }
      };
      const kill = () => {
        // What is in flight at this very moment is what the kill is about.
        if (call.inFlight < inFlightMin) return void setImmediate(kill);
        isKilled = true;
        killing = this.#server.kill();
      };
      setTimeout(kill, lingerMs);
      pump();
    });
    await killing;
    return this.#producers.flatMap(({ unanswered }) => unanswered);
  }

  async #sendAgain(batches: readonly Batch[]): Promise<void> {
    if (batches.length === 0) return;
    await new Promise<void>((resolve, reject) => {
      let at = 0;
      const call: ProduceCall = this.#caller.openProduce({
        ready: () => pump(),
        closed: (error) => (error === undefined ? resolve() : reject(error)),
      });
      const pump = () => {
        while (call.isReady && at < batches.length) this.#send(call, batches[at++]!, pump);
        if (at === batches.length) call.end();
      };
      pump();
    });
    const open = batches.filter(({ baseOffset }) => baseOffset === undefined);
    if (open.length > 0) throw new Error(`${open.length} batches were not taken by the broker after its restart`);
  }

  #send(call: ProduceCall, batch: Batch, then: () => void): void {
    const { producer } = batch;
    if (!producer.unanswered.includes(batch)) producer.unanswered.push(batch);
    // The transport's view of a batch must not be changed by it; the same bytes may go out twice.
    const entry = { id: producer.id, leaderEpoch: undefined, batch: batch.bytes };
    call.send({ acks: "all", timeoutMs: callTimeoutMs, entries: [entry] }, (outcome) => {
      if (outcome instanceof ClusterError) return;
      this.#answered(batch, outcome[0]!);
      then();
    });
  }

  #answered(batch: Batch, result: ProduceResult): void {
    if (result.kind === "failed") throw new Error(`a batch was refused: ${result.failure.code}: ${result.failure.message}`);
    batch.baseOffset = result.baseOffset;
    batch.producer.unanswered = batch.producer.unanswered.filter((other) => other !== batch);
    this.#report.acked += 1;
    for (let record = 0; record < recordsPerBatch; record += 1) {
      this.#acked.set(batch.firstValue + record, { partition: batch.producer.id.partition, offset: result.baseOffset + record });
    }
  }

  #batch(producer: Producer): Batch {
    const builder = new BatchBuilder({ bytesTarget: 65_536, bytesMax: 65_536 }, nodeCompression);
    const firstValue = this.#nextValue;
    for (let record = 0; record < recordsPerBatch; record += 1) {
      builder.append(Date.now(), String(firstValue + record), `${firstValue + record}:`.padEnd(valueBytes, "x"));
    }
    this.#nextValue += recordsPerBatch;
    const bytes = builder.finish({ producer: { id: producer.producerId, epoch: 0, baseSequence: producer.nextSequence } });
    producer.nextSequence += recordsPerBatch;
    return { producer, firstValue, bytes, baseOffset: undefined };
  }

  async #ends(): Promise<readonly number[]> {
    const entries = Array.from({ length: partitionCount }, (_, partition) => ({
      id: this.#partition(partition),
      position: { kind: "latest" } as const,
      leaderEpoch: undefined,
    }));
    const listed = await this.#caller.admin.listOffsets(entries, unhurried);
    return listed.map((outcome) => {
      if (outcome.kind === "failed") throw new Error(outcome.failure.message);
      return outcome.value.offset!;
    });
  }

  async *#records(partition: number): AsyncGenerator<{ readonly value: number; readonly offset: number }> {
    const end = (await this.#ends())[partition]!;
    for (let from = 0; from < end; ) {
      const chunks = await this.#fetch(partition, from);
      for (const chunk of chunks) {
        for (let at = 0; at < chunk.length; at += batchSize(chunk, at)) {
          for (const { key, offset } of readRecords(chunk, at, nodeCompression)) {
            yield { value: Number(new TextDecoder().decode(key!)), offset };
            from = offset + 1;
          }
        }
      }
    }
  }

  #fetch(partition: number, from: number): Promise<readonly Uint8Array[]> {
    const bytes = 1_048_576;
    const entries = [{ id: this.#partition(partition), from: toOffset(from), maxBytes: bytes, leaderEpoch: undefined }];
    return new Promise((resolve, reject) => {
      const call = this.#caller.openFetch({ ready: () => {}, closed: () => {} });
      call.send({ maxWaitMs: 1_000, minBytes: 1, maxBytes: bytes, entries }, (outcome) => {
        call.end();
        if (outcome instanceof ClusterError) return reject(outcome);
        const [result] = outcome;
        if (result?.kind === "batches") resolve(result.chunks);
        else reject(new Error(result?.failure.message));
      });
    });
  }

  #partition(partition: number): PartitionId {
    return { topicId: this.#topicId!, partition };
  }

  #connect(): GrpcCaller {
    return grpcCaller({ network: this.#network, address: this.#server.address, clock: nodeClock, callTimeoutMs });
  }
}

/** The last line of a run. */
export function summary({ cycles, acked, unanswered, recovered, lost, duplicated }: KillReport): string {
  return `kill: ${cycles} cycles, ${acked} batches acknowledged, ${unanswered} unanswered (${recovered} of them stored), ${lost} lost, ${duplicated} duplicated`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { cycles: { type: "string", default: "200" } } });
  const report = await killCycles(Number(values.cycles), Math.random, (line) => console.error(line));
  console.log(summary(report));
  process.exit(report.lost + report.duplicated === 0 ? 0 : 1);
}
