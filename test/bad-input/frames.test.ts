// Shows a whole server under bytes that are no requests: frames that are cut, glued, garbled or lie about their length, headers of a megabyte.
// While they come a good client goes on writing; all that it was told is there afterwards, and nothing else.

import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { gzipSync } from "node:zlib";
import * as grpc from "@grpc/grpc-js";
import { fetchMethod, produceMethod } from "@varve/proto";
import { expect, test } from "vitest";
import { callNaively, encodeNaively, onNaiveClients, recordNaively } from "../compat/naive-client.ts";
import { platformatic } from "../compat/outside-codecs.ts";
import { eventually, onRealServer } from "../compat/real-server.ts";
import { batchOf } from "./batches.ts";

const headersOf = (path: string, encoding = "identity") => ({
  ":method": "POST",
  ":path": path,
  "content-type": "application/grpc",
  "grpc-encoding": encoding,
  te: "trailers",
});

/** A gRPC frame that says `length`, and `flag`. */
function frame(bytes: Uint8Array, length: number = bytes.length, flag = 0): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flag, 0);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, bytes]);
}

/** Opens a stream, sends the bytes, and resolves with its status when it is over, or when the server has nothing to say to it. */
function send(
  session: ClientHttp2Session,
  path: string,
  bytes: Uint8Array,
  end: "half-close" | "reset",
  encoding?: string,
): Promise<string> {
  return new Promise((resolve) => {
    const stream: ClientHttp2Stream = session.request(headersOf(path, encoding));
    let status = "none";
    const take = (headers: Readonly<Record<string, unknown>>) => {
      if (headers["grpc-status"] !== undefined) status = grpc.status[Number(headers["grpc-status"])] ?? "none";
    };
    stream.on("response", take);
    stream.on("trailers", take);
    stream.on("error", () => {});
    stream.on("data", () => {});
    stream.on("close", () => resolve(status));
    stream.write(bytes);
    if (end === "half-close") stream.end();
    else setImmediate(() => stream.close(8));
  });
}

async function withHttp2(address: string, play: (session: ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = connectHttp2(`http://${address}`);
  session.on("error", () => {});
  try {
    await play(session);
  } finally {
    session.destroy();
  }
}

/** Plays a scene beside a client that writes without a pause; then all that it was told is read back, and nothing else is there. */
function besideAGoodClient(play: (address: string, topicId: Buffer) => Promise<void>): Promise<void> {
  return onRealServer((server) =>
    onNaiveClients(server.address, async ({ admin, data }) => {
      const created = await callNaively(admin, "CreateTopics", { topics: [{ name: "orders", partitionCount: 2 }] });
      const topicId: Buffer = created.topics[0].topicId;
      const writing = data.Produce!();
      const { messages } = recordNaively(writing);
      const answers = () => messages.flatMap((message) => message.answers);
      let isOver = false;
      let written = 0;
      const write = async () => {
        while (!isOver || written === 0) {
          written += 1;
          writing.write({ correlation: written, entries: [{ topicId, partition: 1, batch: batchOf([`value ${written}`]) }] });
          await eventually(() => answers().length === written, "the good client's answer");
        }
      };
      const good = write();
      await play(server.address, topicId);
      isOver = true;
      await good;
      writing.end();
      expect(answers().map(({ results }) => results[0].errorCode)).toEqual(new Array(written).fill(0));
      for (const [partition, count] of [
        [0, 0],
        [1, written],
      ] as const) {
        const reading = data.Fetch!();
        const read = recordNaively(reading);
        const entries = [{ topicId, partition, fromOffset: 0, maxBytes: 6_000_000 }];
        reading.write({ correlation: 1, maxBytes: 6_000_000, entries });
        await eventually(() => read.messages.length === 1, "the records");
        reading.end();
        const records = await platformatic.decode(read.messages[0]!.results[0].batches);
        expect(records.map(({ value }) => value)).toEqual(Array.from({ length: count }, (_, index) => `value ${index + 1}`));
      }
      await eventually(() => server.gauge("varve_grpc_streams") === 0, "the end of all streams");
      expect(server.gauge("varve_grpc_produce_held_bytes")).toBe(0);
    }),
  );
}

const goodRequest = (topicId: Buffer) =>
  encodeNaively("varve.v1.Data", "Produce", {
    correlation: 1,
    entries: [{ topicId, partition: 0, batch: batchOf(["never"]) }],
  });

test("a write that is cut at any byte, its stream reset or half-closed, is not carried out", () =>
  besideAGoodClient((address, topicId) =>
    withHttp2(address, async (session) => {
      const whole = frame(goodRequest(topicId));
      for (let length = 0; length < whole.length; length += 1) {
        const status = await send(session, produceMethod, whole.subarray(0, length), length % 2 === 0 ? "reset" : "half-close");
        expect(["none", "OK", "INTERNAL", "CANCELLED", "UNKNOWN"]).toContain(status);
      }
    }),
  ));

test("frames of garbage, of lengths that lie and of other encodings end their stream with an error and cost nobody else anything", () =>
  besideAGoodClient((address, topicId) =>
    withHttp2(address, async (session) => {
      const request = goodRequest(topicId);
      // Messages that break off inside their only entry, so that whatever is decoded of them is no write.
      const cut = request.subarray(0, request.length - 1);
      const bad: readonly (readonly [bytes: Buffer, encoding: string])[] = [
        [frame(Buffer.alloc(100, 0xff)), "identity"],
        [frame(cut), "identity"],
        [frame(request, 0xffff_ffff), "identity"],
        [frame(request, 8_388_609), "identity"],
        [frame(gzipSync(Buffer.alloc(67_108_864)), undefined, 1), "gzip"],
        [frame(request, undefined, 1), "gzip"],
        [frame(request, undefined, 1), "rot13"],
        [Buffer.from("404 page not found, says a server of HTTP/1.1"), "identity"],
      ];
      for (const path of [produceMethod, fetchMethod, "/varve.v1.Admin/CreateTopics"]) {
        for (const [index, [bytes, encoding]] of bad.entries()) {
          expect(await send(session, path, bytes, "half-close", encoding), `${path} ${index}`).not.toBe("OK");
        }
      }
    }),
  ));

test("random bytes as messages of every method are refused or mean nothing, a thousand times over", () =>
  besideAGoodClient((address) =>
    withHttp2(address, async (session) => {
      let state = 7;
      const draw = (below: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return Math.floor((state / 2 ** 32) * below);
      };
      const paths = [
        produceMethod,
        fetchMethod,
        ...["CreateTopics", "AlterConfigs", "ListOffsets"].map((name) => `/varve.v1.Admin/${name}`),
      ];
      for (let round = 0; round < 1_000; round += 10) {
        const sent = Array.from({ length: 10 }, () => {
          const bytes = Uint8Array.from({ length: draw(60) }, () => draw(256));
          return send(session, paths[draw(paths.length)]!, frame(bytes), "half-close");
        });
        await Promise.all(sent);
      }
    }),
  ));

test("header blocks of a megabyte and sockets that speak anything else are closed or left alone", () =>
  besideAGoodClient(async (address) => {
    const [host, port] = address.split(":") as [string, string];
    const sockets = [
      Buffer.from("GET / HTTP/1.1\r\nHost: varve\r\n\r\n"),
      Buffer.from("16030102000100", "hex"),
      Buffer.from("00000023001200030000000100096b61666b612d6a73", "hex"),
      Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Buffer.alloc(100_000, 0xff)]),
      Buffer.alloc(0),
    ].map((bytes) => {
      const socket = connectTcp({ host, port: Number(port) });
      socket.on("error", () => {});
      socket.write(bytes);
      return socket;
    });
    for (let repeat = 0; repeat < 5; repeat += 1) {
      await withHttp2(address, async (session) => {
        const large = session.request({ ...headersOf(produceMethod), "x-large": "a".repeat(1_048_576) });
        large.on("error", () => {});
        await eventually(() => large.destroyed || session.destroyed, "the end of the stream");
      });
    }
    for (const socket of sockets) socket.destroy();
  }));
