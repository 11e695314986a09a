// Listings of topics come in pages, however much is asked for.

import type { MetadataRecord } from "@varve/metadata";
import { toTopicId, uuidToText } from "@varve/model";
import { expect, test } from "vitest";
import { topicsPerPageMax } from "../src/handlers/topics.ts";
import { FakeController, machine, signal, withBroker } from "./broker-rig.ts";

test("a page holds 1,000 topics, whoever asks for more, and the next page goes on behind it", () => {
  const names = Array.from({ length: topicsPerPageMax + 1 }, (_, at) => `t${String(at).padStart(5, "0")}`);
  const idOf = (at: number) => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(12, at + 1);
    return toTopicId(uuidToText(bytes));
  };
  const records = names.map((name, at): MetadataRecord => ({ kind: "topic", topicId: idOf(at), name }));
  return withBroker(machine(), new FakeController(records), async ({ broker }) => {
    for (const limit of [undefined, topicsPerPageMax + 1, 4_294_967_295]) {
      const page = await broker.api.listTopics("", limit, signal);
      expect(page.topics.map(({ name }) => name)).toEqual(names.slice(0, topicsPerPageMax));
      expect(page.more).toBe(true);
    }
    const rest = await broker.api.listTopics(names[topicsPerPageMax - 1]!, undefined, signal);
    expect(rest).toMatchObject({ topics: [{ name: names.at(-1) }], more: false });
  });
});
