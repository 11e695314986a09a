// Shows that producers and consumers keep their promises over a network that loses, delays, repeats and breaks, and brokers that die.

import { drawFaults, noFaults } from "@varve/sim";
import { expect, test } from "vitest";
import { type ConsumerRecord, DeliveryError, type Receipt } from "../src/index.ts";
import { failed } from "./fake-cluster.ts";
import { type Stage, stage } from "./stage.ts";

const partitionCount = 3;

interface Sent {
  readonly value: string;
  readonly partition: number;
  receipt: Receipt | undefined;
  error: unknown;
}

/** Sends in bursts while everything may go wrong, and reads along. */
async function play(made: Stage, seed: number): Promise<{ readonly sent: readonly Sent[]; readonly read: readonly ConsumerRecord[] }> {
  const { world, cluster, broker, varve, run } = made;
  const random = world.random.stream("test");
  cluster.create("orders", partitionCount);
  const producer = varve.producer({
    batchBytes: 1_024,
    deliveryTimeoutMs: random.pick([20_000, 120_000]),
    requestTimeoutMs: 1_000,
    lingerMs: random.pick([0, 2, 20]),
  });
  const consumer = varve.consume("orders", { from: "earliest", maxWaitMs: 200, partitionMaxBytes: 4_096 });
  const read: ConsumerRecord[] = [];
  let readError: unknown;
  void (async () => {
    for await (const record of consumer) read.push(record);
  })().catch((error: unknown) => {
    readError = error;
  });

  // Connections break every few dozen packets: far more often than a seed of the whole simulation would draw.
  world.setFaults({ ...noFaults, network: { ...drawFaults(seed).network, breakRate: random.pick([0.01, 0.03, 0.1]) } });
  cluster.produceDelayMs = random.pick([0, 5, 50]);
  const troubleRate = random.pick([0, 0.01, 0.05]);
  cluster.onProduce = (_entry, store) => {
    if (!random.chance(troubleRate)) return store();
    const code = random.pick(["THROTTLING_QUOTA_EXCEEDED", "NOT_ENOUGH_REPLICAS", "REQUEST_TIMED_OUT", "UNKNOWN_SERVER_ERROR"] as const);
    const isStored = (code === "REQUEST_TIMED_OUT" || code === "UNKNOWN_SERVER_ERROR") && random.chance(0.5);
    const result = isStored ? store() : undefined;
    return result?.kind === "failed" ? result : failed(code);
  };
  cluster.onFetch = (_entry, fetch) => (random.chance(troubleRate) ? failed("NOT_LEADER_OR_FOLLOWER") : fetch());
  const sent: Sent[] = [];
  const settled: Promise<void>[] = [];
  for (let burst = 0; burst < 40; burst += 1) {
    for (let at = random.integer(0, 30); at > 0; at -= 1) {
      const one: Sent = {
        value: `v${sent.length}`,
        partition: random.integer(0, partitionCount - 1),
        receipt: undefined,
        error: undefined,
      };
      sent.push(one);
      settled.push(
        producer.send("orders", { value: one.value.padEnd(random.pick([8, 300]), "."), partition: one.partition }).then(
          (receipt) => {
            one.receipt = receipt;
          },
          (error: unknown) => {
            one.error = error;
          },
        ),
      );
    }
    if (random.chance(0.05)) {
      broker.kill("process");
      await world.runFor(random.integer(0, 2_000));
      broker.boot();
      for (let partition = 0; partition < partitionCount; partition += 1) cluster.partition("orders", partition).leaderEpoch += 1;
      await made.serveAgain();
    }
    await world.runFor(random.integer(0, 1_000));
  }
  world.setFaults(noFaults);
  world.network.mendAll();
  cluster.onProduce = (_entry, store) => store();
  cluster.onFetch = (_entry, fetch) => fetch();
  await run(Promise.all(settled));
  const end = () =>
    Array.from({ length: partitionCount }, (_, partition) => cluster.partition("orders", partition).end).reduce((sum, one) => sum + one);
  await world.runUntil(() => readError !== undefined || read.length >= end(), 120_000);
  expect(readError).toBeUndefined();
  consumer.close();
  await run(producer.close().catch(() => {}));
  return { sent, read };
}

const seeds = Number(process.env.VARVE_FAULT_SEEDS ?? 12);
const firstSeed = Number(process.env.VARVE_FIRST_SEED ?? 1);

test.each(Array.from({ length: seeds }, (_, at) => firstSeed + at))(
  "seed %i: each record once, in order, and what was acknowledged is true",
  async (seed) => {
    const made = await stage({ seed });
    const { sent, read } = await play(made, seed);
    for (let partition = 0; partition < partitionCount; partition += 1) {
      const values = made.cluster.values("orders", partition).map((value) => value.split(".")[0]!);
      const numbers = values.map((value) => Number(value.slice(1)));
      expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
      const offsets = new Map(values.map((value, offset) => [value, offset]));
      for (const { value, receipt, error } of sent.filter((one) => one.partition === partition)) {
        if (receipt !== undefined && receipt.offset !== undefined) expect(offsets.get(value)).toBe(receipt.offset);
        if (receipt !== undefined) expect(offsets.has(value)).toBe(true);
        if (error !== undefined) expect(error).toBeInstanceOf(DeliveryError);
        if (error instanceof DeliveryError && error.outcome === "refused") expect(offsets.has(value)).toBe(false);
      }
      const seen = read.filter((record) => record.partition === partition);
      expect(seen.map((record) => record.text().split(".")[0])).toEqual(values);
      expect(seen.map(({ offset }) => offset)).toEqual(values.map((_, offset) => offset));
    }
    await made.close();
  },
);
