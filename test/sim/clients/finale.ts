// The last reader: reads everything from the start to the end once all faults are healed, record by record, and asks where each log
// begins and ends.

import type { Varve } from "@varve/client";
import { ClusterError } from "@varve/model";
import type { World } from "@varve/sim";
import type { Key } from "../../workload/history.ts";
import type { ClientLife } from "./client.ts";
import { SimClient } from "./client.ts";
import { reach } from "./producing.ts";
import { checkDamage, noteSkip, Reads } from "./reading.ts";
import { begin, complete, type Shared } from "./shared.ts";
import type { Topic } from "./topics.ts";

export class Finale {
  readonly #client: SimClient;

  constructor(world: World, shared: Shared) {
    this.#client = new SimClient("finale", world, shared, async (life) => {
      const varve = await reach(life);
      for (const topic of shared.topics.all) await readAll(life, varve, topic);
      await varve.close();
    });
  }

  start(): void {
    this.#client.start();
  }

  get isDone(): boolean {
    return this.#client.isDone;
  }
}

async function readAll(life: ClientLife, varve: Varve, topic: Topic): Promise<void> {
  while (!(await readFromStart(life, varve, topic)));
  await listBounds(life, varve, topic);
}

/** @returns false when retention has overtaken it: what it has read is no final reading then. */
async function readFromStart(life: ClientLife, varve: Varve, topic: Topic): Promise<boolean> {
  const { shared, process } = life;
  const { name } = topic.plan;
  const assignment = { f: "assign", value: topic.keys, from: { kind: "earliest" } } as const;
  begin(shared, process, assignment);
  const skips: (() => void)[] = [];
  const consumer = varve.consume(name, {
    from: "earliest",
    until: "end",
    partitions: topic.keys.map((_, partition) => partition),
    onDamaged: (error) => {
      checkDamage(shared, topic, error);
      skips.push(() => noteSkip(shared, process, topic.keys[error.partition] as Key, error));
      return "skip";
    },
  });
  await consumer.ready();
  complete(shared, process, "ok", assignment);
  begin(shared, process, { f: "poll", isFinal: true, value: [] });
  const reads = new Reads(shared, (_, partition) => topic.keys[partition] as Key);
  for (const key of topic.keys) reads.expect(key);
  try {
    for await (const record of consumer) reads.add(record);
  } catch (error) {
    if (!topic.plan.isRetained || !(error instanceof ClusterError) || error.code !== "OFFSET_OUT_OF_RANGE") throw error;
    shared.world.trace.count("finale.overtaken");
    complete(shared, process, "info", { f: "poll", isFinal: true, value: reads.polled }, error.code);
    return false;
  }
  complete(shared, process, "ok", { f: "poll", isFinal: true, value: reads.polled });
  for (const skip of skips) skip();
  return true;
}

async function listBounds({ shared, process }: ClientLife, varve: Varve, topic: Topic): Promise<void> {
  const empty = topic.keys.map((key) => ({ key, logStart: null, highWatermark: null }));
  begin(shared, process, { f: "list-offsets", value: empty });
  const starts = await varve.admin.listOffsets(topic.plan.name, "earliest");
  const ends = await varve.admin.listOffsets(topic.plan.name, "latest");
  const value = topic.keys.map((key, at) => ({ key, logStart: starts[at]?.offset ?? null, highWatermark: ends[at]?.offset ?? null }));
  complete(shared, process, "ok", { f: "list-offsets", value });
}
