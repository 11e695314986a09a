// Shows what a consumer does for its user.

import { expect, test } from "vitest";
import { onStage } from "./stage.ts";

test("records come back as they were sent, up to the end", () =>
  onStage(async ({ cluster, run, varve }) => {
    cluster.create("orders");
    await run(varve.send("orders", [{ key: "a", value: "1", headers: { tenant: "x" }, timestamp: 5 }, { value: null }, { value: "3" }]));
    const seen: unknown[] = [];
    const read = async () => {
      for await (const record of varve.consume("orders", { from: "earliest", until: "end" })) {
        seen.push([record.offset, record.keyText(), record.value === null ? null : record.text(), record.header("tenant")]);
      }
    };
    await run(read());
    expect(seen).toEqual([
      [0, "a", "1", "x"],
      [1, undefined, null, undefined],
      [2, undefined, "3", undefined],
    ]);
  }));
