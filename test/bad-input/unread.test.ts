// Shows what a client that never reads costs a whole server over real gRPC: a bounded part of what it asked for, and nobody else anything.

import { connect as connectHttp2 } from "node:http2";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fetchMethod } from "@varve/proto";
import { expect, test } from "vitest";
import { callNaively, encodeNaively, type NaiveMessage, onNaiveClients, recordNaively } from "../compat/naive-client.ts";
import { eventually, onRealServer } from "../compat/real-server.ts";
import { batchOf } from "./batches.ts";

const mebibyte = 1_048_576;
/** Streams of one connection, requests on each, and what each answer would hold: 6 GiB in all. */
const streams = 16;
const requests = 100;
const answerBytes = 4 * mebibyte;
/** What the server may hold of it: for each stream what may wait to be sent, one answer past that and one that waits; with room to spare. */
const heldBytesMax = streams * (2 + 4 + 4) * mebibyte + 64 * mebibyte;

function framed(message: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** What lives in buffers, whatever has not been collected yet. */
function liveBufferBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().arrayBuffers;
}

test("sixteen streams that ask for 6 GiB and read nothing keep a bounded part of it, and others are served meanwhile and afterwards", () =>
  onRealServer((server) =>
    onNaiveClients(server.address, async ({ admin, data }) => {
      const created = await callNaively(admin, "CreateTopics", { topics: [{ name: "orders" }] });
      const topicId: Buffer = created.topics[0].topicId;
      const writing = data.Produce!();
      const { messages } = recordNaively(writing);
      const answers = () => messages.flatMap((message) => message.answers as NaiveMessage[]);
      const write = async (correlation: number) => {
        writing.write({ correlation, entries: [{ topicId, partition: 0, batch: batchOf(["x".repeat(1_000_000)]) }] });
        await eventually(() => answers().length === correlation, "the answer");
      };
      for (let correlation = 1; correlation <= 5; correlation += 1) await write(correlation);
      const before = liveBufferBytes();

      // Plain HTTP/2: a gRPC library would take messages into its own memory, in this very process, before anybody reads them.
      const session = connectHttp2(`http://${server.address}`);
      const entries = [{ topicId, partition: 0, fromOffset: 0, maxBytes: answerBytes }];
      for (let number = 0; number < streams; number += 1) {
        const stream = session.request({ ":method": "POST", ":path": fetchMethod, "content-type": "application/grpc", te: "trailers" });
        stream.on("error", () => {});
        for (let correlation = 1; correlation <= requests; correlation += 1) {
          const request = { correlation, maxBytes: answerBytes, creditBytes: 1_000_000_000, entries };
          stream.write(framed(encodeNaively("varve.v1.Data", "Fetch", request)));
        }
      }
      await eventually(() => server.gauge("varve_grpc_streams") === streams + 1, "the streams");
      for (let correlation = 6; correlation <= 25; correlation += 1) await write(correlation);
      expect(liveBufferBytes() - before).toBeLessThan(heldBytesMax);
      session.destroy();
      await eventually(() => server.gauge("varve_grpc_streams") === 1, "the end of the streams");
      await write(26);
      writing.end();
    }),
  ));
