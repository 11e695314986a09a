// A disk that refuses for a while what it takes later: the server goes on, and leaves nothing behind.

import { expect, test } from "vitest";
import { inSmallWorld } from "./small-world.ts";

const journalFileBytes = 262_144;

// Seed 30011: the sync of a segment could not write the leader epochs, and the server ended as if the disk had failed.
test("a record larger than a journal file is acknowledged late, and the server stays up, while it can open no file", async () => {
  await inSmallWorld(1, async ({ world, broker, server, varve, complaints }) => {
    await world.run(varve.admin.createTopic({ name: "t" }));
    const { openFilesMax } = broker.disk;
    broker.disk.openFilesMax = 0;
    let isAcknowledged = false;
    const sent = varve.send("t", { value: "x".repeat(journalFileBytes) }).then((receipt) => {
      isAcknowledged = true;
      return receipt;
    });
    await world.runFor(5_000);
    expect([isAcknowledged, server.isUp]).toEqual([false, true]);
    broker.disk.openFilesMax = openFilesMax;
    expect(await world.run(sent, 60_000)).toMatchObject({ partition: 0, offset: 0 });
    server.kill("power");
    await world.runUntil(() => server.isUp, 60_000);
    const [end] = await world.run(varve.admin.listOffsets("t", "latest"));
    expect(end?.offset).toBe(1);
    expect(complaints).toEqual([]);
  });
});

// Seed 30026: the folder of a partition that was being added stayed when the topic was deleted before the next try.
test("a topic that is deleted while a partition of it cannot be made leaves no folder", async () => {
  await inSmallWorld(1, async ({ world, broker, varve }) => {
    await world.run(varve.admin.createTopic({ name: "t" }));
    const before = broker.disk.root.names().length;
    for (let free = 0; free < 4; free++) {
      await world.run(varve.admin.createTopic({ name: "brief" }));
      const { openFilesMax } = broker.disk;
      // The journal's files are open, and the two logs'; so many more may be.
      broker.disk.openFilesMax = 4 + free;
      await world.run(varve.admin.createPartitions("brief", 2).catch(() => {}));
      await world.run(varve.admin.deleteTopic("brief"));
      broker.disk.openFilesMax = openFilesMax;
      await world.runFor(10_000);
      expect(broker.disk.root.names().length).toBe(before);
    }
  });
});
