// A network that changes under streams which are open: what was agreed when they began still holds.

import { noFaults, soundNetwork } from "@varve/sim";
import { expect, test } from "vitest";
import { inSmallWorld } from "./small-world.ts";

// Seed 3090: a producer that nobody answers (acks=none) filled its stream, and never got room again once the faults were over.
test("a stream that began with a small window goes on when the network's windows grow", async () => {
  const narrow = { ...noFaults, network: { ...soundNetwork, streamWindowBytes: 16_384, streamBufferBytes: 16_384 } };
  await inSmallWorld(
    1,
    async ({ world, varve }) => {
      await world.run(varve.admin.createTopic({ name: "t" }));
      const producer = varve.producer({ acks: "none" });
      const send = async (count: number) => {
        for (let at = 0; at < count; at++) await producer.send("t", { value: "x".repeat(1_000) });
        await producer.flush();
      };
      await world.run(send(5), 60_000);
      world.setFaults(noFaults);
      await world.run(send(200), 60_000);
      await world.runFor(1_000);
      const [end] = await world.run(varve.admin.listOffsets("t", "latest"));
      expect(end?.offset).toBe(205);
    },
    narrow,
  );
});
