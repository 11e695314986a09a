// Damage to what was stored long ago: it is told of, stepped over, and stands in nobody's way.

import type { DamagedRecordsError } from "@varve/client";
import { expect, test } from "vitest";
import { inSmallWorld } from "./small-world.ts";

// Seed 61242: a look-up by time that met damage was refused, and clients asked again for ever.
test("a consumer that begins at a time is told of damage on the way there, and reads on behind it", async () => {
  await inSmallWorld(1, async ({ world, broker, server, varve }) => {
    const { topicId } = await world.run(varve.admin.createTopic({ name: "t" }));
    for (let number = 0; number < 40; number++) {
      await world.run(varve.send("t", { value: `${number} ${"x".repeat(1_000)}`, timestamp: number === 0 ? 100 : number < 39 ? 50 : 200 }));
    }
    // Nothing is in memory after a clean stop.
    server.stop();
    await world.runUntil(() => !server.isUp, 60_000);
    await world.runUntil(() => server.isUp, 60_000);
    broker.disk.flipBit(`${topicId}-0/00000000000000000000.log`, 25_000);
    const damage: DamagedRecordsError[] = [];
    const values: string[] = [];
    const reading = (async () => {
      const onDamaged = (error: DamagedRecordsError) => {
        damage.push(error);
        return "skip" as const;
      };
      for await (const record of varve.consume("t", { from: { timestamp: 150 }, until: "end", onDamaged })) {
        values.push(record.text().split(" ")[0] as string);
      }
    })();
    await world.run(reading, 60_000);
    expect(damage.map(({ partition, resumeAt }) => [partition, String(resumeAt)])).toEqual([[0, values[0]]]);
    expect(values.at(-1)).toBe("39");
  });
});
