// The controller on a real disk and LevelDB: what was answered is there when it is opened again, snapshots included.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { snapshotRecords } from "@varve/metadata";
import { nodeClock, nodeDisk, nodeEntropy, nodeStores } from "@varve/runtime/node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Controller, openController } from "../src/index.ts";
import { newTopic, onePartition, uuidOf } from "./images.ts";
import { compression, machineOf, patient } from "./platform.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "varve-controller-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** The ports of Node where the disk is concerned; log and metrics go nowhere. */
async function open(snapshotRecordsMin: number): Promise<Controller> {
  const { logger, metrics } = machineOf(1).machine.boot();
  const disk = { clock: nodeClock, entropy: nodeEntropy(), disk: nodeDisk(folder), openStore: nodeStores(folder), compression };
  const onStorageFailure = (error: Error) => {
    throw error;
  };
  const options = { nodeId: 0, folder: "controller", defaults: onePartition, snapshotRecordsMin, onStorageFailure };
  return openController({ ...disk, logger, metrics }, options, patient);
}

test.each([1_000_000, 20])(
  "topics, configurations and ids are there again, with a snapshot after %i records",
  async (snapshotRecordsMin) => {
    let records: unknown[] | undefined;
    const blocks = new Set<number>();
    for (let life = 1; life <= 3; life += 1) {
      const controller = await open(snapshotRecordsMin);
      if (records !== undefined) expect([...snapshotRecords(controller.image)]).toEqual(records);
      await controller.registerBroker({ brokerId: 0, incarnation: uuidOf(life), address: "127.0.0.1:9092" }, patient);
      for (let at = 0; at < 10; at += 1) {
        const name = `orders-${life}-${at}`;
        expect(await controller.createTopics([newTopic(name, { partitionCount: 2 })], false, patient)).toMatchObject([{ kind: "ok" }]);
        if (at % 2 === 0) expect(await controller.deleteTopics([{ name }], patient)).toMatchObject([{ kind: "ok" }]);
        blocks.add((await controller.allocateProducerIds(patient)).first);
      }
      records = [...snapshotRecords(controller.image)];
      await controller.close();
    }
    expect(blocks.size).toBe(30);
    expect((await readdir(join(folder, "controller"))).sort()).toEqual(["slot-0", "slot-1", "store"]);
  },
);

test("a second controller on the same folder is refused, and the first one is none the worse", async () => {
  const first = await open(1000);
  await expect(open(1000)).rejects.toMatchObject({ name: "DiskError", kind: "locked" });
  expect(await first.allocateProducerIds(patient)).toEqual({ first: 0, count: 1000 });
  await first.close();
});
