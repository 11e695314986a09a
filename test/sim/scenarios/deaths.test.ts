// What a record that was acknowledged has to live through, told death by death.

import type { Death } from "@varve/sim";
import { expect, test } from "vitest";
import { inSmallWorld, type SmallWorld } from "./small-world.ts";

const records = ["first", "second", "third"];

async function valuesOf({ world, varve }: SmallWorld): Promise<readonly string[]> {
  const values: string[] = [];
  const reading = (async () => {
    for await (const record of varve.consume("t", { from: "earliest", until: "end" })) values.push(record.text());
  })();
  await world.run(reading, 120_000);
  return values;
}

const deaths: readonly (readonly [string, readonly Death[]])[] = [
  ["the death of the process", ["process"]],
  ["a power cut", ["power"]],
  ["the death of the process and then a power cut, with nothing in between", ["process", "power"]],
];

test.each(deaths)("acknowledged records are there, once and in order, after %s", async (_, ends) => {
  for (let seed = 1; seed <= 5; seed++) {
    await inSmallWorld(seed, async (small) => {
      const { world, server, varve, complaints } = small;
      await world.run(varve.admin.createTopic({ name: "t" }));
      await world.run(Promise.all(records.map((value) => varve.send("t", { value }))));
      for (const death of ends) server.kill(death);
      await world.runUntil(() => server.isUp, 60_000);
      expect(await valuesOf(small)).toEqual(records);
      expect(complaints).toEqual([]);
    });
  }
});

test("acknowledged records are there after deaths at each of the first effects of a recovery", async () => {
  for (let effectsAhead = 1; effectsAhead <= 40; effectsAhead += 3) {
    await inSmallWorld(effectsAhead, async (small) => {
      const { world, server, varve } = small;
      await world.run(varve.admin.createTopic({ name: "t" }));
      await world.run(Promise.all(records.map((value) => varve.send("t", { value }))));
      server.doomNextStarts([
        { effectsAhead, death: "power" },
        { effectsAhead: effectsAhead + 1, death: "process" },
      ]);
      server.kill("power");
      await world.runUntil(() => server.isUp, 60_000);
      expect(await valuesOf(small)).toEqual(records);
    });
  }
});

test("a record that was under way when the power went is stored once, wherever the power went", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    await inSmallWorld(seed, async (small) => {
      const { world, server, varve } = small;
      await world.run(varve.admin.createTopic({ name: "t" }));
      const sent = varve.send("t", { value: "under way" });
      server.doom(seed % 5, "power");
      await world.run(sent, 120_000);
      expect(await valuesOf(small)).toEqual(["under way"]);
    });
  }
});
