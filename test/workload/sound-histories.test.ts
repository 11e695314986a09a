// Shows that the checker finds nothing in what a sound cluster may do.

import { expect, test } from "vitest";
import { Story, sent, story } from "./story.ts";

const sound: Record<string, Story> = {
  "nothing at all": new Story(),
  "records that are sent, read while they come, and read again at the end": story()
    .send(1, 1, "0:10 1:11")
    .assign(2, [1])
    .poll(2, 1, "0:10")
    .send(1, 1, "2:12")
    .poll(2, 1, "1:11 2:12")
    .readAll(1, "0:10 1:11 2:12"),
  "a send without an answer whose record is there": story()
    .step(1, sent(1, 1, "-:10", { outcome: "info" }), "info")
    .readAll(1, "0:10"),
  "a send without an answer whose record is not there": story()
    .step(1, sent(1, 1, "-:10", { outcome: "info" }), "info")
    .readAll(1, ""),
  "a failed send that left nothing": story()
    .step(1, sent(1, 1, "-:10", { outcome: "fail" }), "fail")
    .readAll(1, ""),
  "two sends of one producer between which another one's record stands": story()
    .send(1, 1, "0:10 2:11")
    .send(2, 1, "1:20")
    .readAll(1, "0:10 1:20 2:11"),
  "a record twice, of a producer that is not idempotent": story().send(1, 1, "1:10", { isIdempotent: false }).readAll(1, "0:10 1:10"),
  "acks=leader of a durable topic, lost with the process": story()
    .send(1, 1, "0:10")
    .send(1, 1, "1:11", { acks: "leader" })
    .fault("process-death")
    .send(2, 1, "1:20")
    .readAll(1, "0:10 1:20"),
  "the end of a replicated topic, read and then lost with the power, and its offsets given to others": new Story()
    .topic(1, { durability: "replicated" })
    .send(1, 1, "0:10 1:11 2:12")
    .assign(2, [1])
    .poll(2, 1, "0:10 1:11 2:12")
    .fault("power-cut")
    .send(3, 1, "1:30")
    .readAll(1, "0:10 1:30"),
  "the end of a replicated topic, read and then lost with the power, whose reader goes on behind what took its offsets": new Story()
    .topic(1, { durability: "replicated" })
    .assign(2, [1])
    .send(1, 1, "0:10 1:11")
    .poll(2, 1, "0:10 1:11")
    .fault("power-cut")
    .send(3, 1, "1:30 2:31")
    .poll(2, 1, "2:31")
    .step(0, { f: "delete-topic", value: [1] }),
  "the end of a replicated topic, read while another one's record stood in it that the power took": new Story()
    .topic(1, { durability: "replicated" })
    .assign(2, [1])
    .begin(1, sent(1, 1, "-:10"))
    .begin(3, sent(3, 1, "-:30"))
    .poll(2, 1, "0:30 1:10")
    .fault("power-cut")
    .finish(1, sent(1, 1, "0:10"))
    .finish(3, sent(3, 1, "1:30"))
    .readAll(1, "0:10 1:30"),
  "the end of a replicated topic, lost with a record that a send tried twice had also stored before it": new Story()
    .topic(1, { durability: "replicated" })
    .begin(1, sent(1, 1, "-:10", { isIdempotent: false }))
    .send(2, 1, "1:20")
    .finish(1, sent(1, 1, "2:10", { isIdempotent: false }))
    .fault("power-cut")
    .readAll(1, "0:10"),
  "records below a log start that was raised on request": story()
    .send(1, 1, "0:10 1:11")
    .step(3, { f: "delete-records", key: 1, before: 1, logStart: 1 })
    .readAll(1, "1:11", 1, 2),
  "old records that go by themselves where retention says so": new Story()
    .topic(1, { isRetained: true })
    .send(1, 1, "0:10 1:11")
    .readAll(1, "1:11", 1, 2),
  "damage that is reported and stepped over": story()
    .send(1, 1, "0:10 1:11 2:12")
    .assign(2, [1])
    .poll(2, 1, "0:10")
    .step(2, { f: "skip", key: 1, damagedFrom: 1, resumeAt: 2 })
    .poll(2, 1, "2:12")
    .assign(91, [1])
    .poll(91, 1, "0:10", true)
    .step(91, { f: "skip", key: 1, damagedFrom: 1, resumeAt: 2 })
    .poll(91, 1, "2:12", true)
    .bounds(1, 0, 3),
  "damage right behind damage": story()
    .send(1, 1, "0:10 1:11 2:12 3:13")
    .assign(2, [1])
    .poll(2, 1, "0:10")
    .step(2, { f: "skip", key: 1, damagedFrom: 1, resumeAt: 2 })
    .step(2, { f: "skip", key: 1, damagedFrom: 2, resumeAt: 3 })
    .poll(2, 1, "3:13"),
  "a consumer from a time that is borne by nothing but what is damaged": story()
    .send(1, 1, "0:10", { timestampMs: 200 })
    .send(1, 1, "1:11", { timestampMs: 100 })
    .send(1, 1, "2:12", { timestampMs: 300 })
    .assign(2, [1], { kind: "timestamp", timestampMs: 150 })
    .poll(2, 1, "2:12")
    .assign(91, [1])
    .step(91, { f: "skip", key: 1, damagedFrom: 0, resumeAt: 1 })
    .poll(91, 1, "1:11 2:12", true)
    .bounds(1, 0, 3),
  "consumers from the end, an offset and a time": story()
    .send(1, 1, "0:10", { timestampMs: 100 })
    .send(1, 1, "1:11", { timestampMs: 200 })
    .assign(2, [1], { kind: "latest" })
    .assign(3, [1], { kind: "offset", offset: 1 })
    .assign(4, [1], { kind: "timestamp", timestampMs: 150 })
    .send(1, 1, "2:12", { timestampMs: 300 })
    .poll(2, 1, "2:12")
    .poll(3, 1, "1:11 2:12")
    .poll(4, 1, "1:11 2:12"),
  "a topic that is deleted and made again while a send is under way, which the new one stores": story()
    .begin(1, sent(1, 1, "-:10"))
    .step(0, { f: "delete-topic", value: [1] })
    .topic(2, { predecessor: 1 })
    .finish(1, sent(1, 1, "0:10"))
    .readAll(2, "0:10"),
  "acks=all of a topic that was turned to replicated, lost with the power": story()
    .step(0, { f: "alter-durability", value: [1], durability: "replicated" })
    .send(1, 1, "0:10")
    .fault("power-cut")
    .readAll(1, ""),
};

for (const [name, told] of Object.entries(sound)) {
  test(`nothing is wrong with ${name}`, () => {
    expect(told.anomalies()).toEqual([]);
  });
}
