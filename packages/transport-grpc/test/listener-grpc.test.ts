// Shows what reaches the listener through the real grpc-js from peers that are no gRPC clients at all, or broken ones: each costs itself only.

import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { produceMethod } from "@varve/proto";
import { nodeClock } from "@varve/runtime/node";
import { expect, test } from "vitest";
import { grpcCaller, loadGrpcNetwork } from "../src/index.ts";
import { encodeTheirs } from "./contract.ts";
import { eventually, onRealStage, type RealStage } from "./real-stage.ts";
import { stored, topicBytes, topicId } from "./rig.ts";

const never = new AbortController().signal;

/** A good client of its own: one produce request and one admin call, answered. */
async function expectServed({ api, listener }: RealStage): Promise<void> {
  const network = await loadGrpcNetwork();
  const caller = grpcCaller({ network, address: listener.address, clock: nodeClock });
  api.admin.initProducerId = async () => ({ producerId: 5, producerEpoch: 0 });
  api.onProduce = (called) => called.resolve([stored(1)]);
  try {
    expect(await caller.admin.initProducerId(never)).toEqual({ producerId: 5, producerEpoch: 0 });
    const outcome = await new Promise((resolve) => {
      const call = caller.openProduce({ ready: () => {}, closed: (error) => resolve(error) });
      const entries = [{ id: { topicId, partition: 0 }, leaderEpoch: undefined, batch: new Uint8Array(50) }];
      call.send({ acks: "all", timeoutMs: 5_000, entries }, resolve);
    });
    expect(outcome).toEqual([stored(1)]);
  } finally {
    await caller.close();
  }
}

/** A client of plain HTTP/2. */
async function withHttp2(address: string, play: (session: ClientHttp2Session) => Promise<void>): Promise<void> {
  const session = connectHttp2(`http://${address}`);
  session.on("error", () => {});
  try {
    await play(session);
  } finally {
    session.destroy();
  }
}

const produceHeaders = { ":method": "POST", ":path": produceMethod, "content-type": "application/grpc", te: "trailers" };

interface Recorded {
  isOver: boolean;
  status: string | undefined;
}

function record(stream: ClientHttp2Stream): Recorded {
  const recorded: Recorded = { isOver: false, status: undefined };
  const take = (headers: Readonly<Record<string, unknown>>) => {
    if (headers["grpc-status"] !== undefined) recorded.status = String(headers["grpc-status"]);
  };
  stream.on("response", take);
  stream.on("trailers", take);
  stream.on("error", () => {});
  stream.on("data", () => {});
  stream.on("close", () => {
    recorded.isOver = true;
  });
  return recorded;
}

/** A gRPC frame that says `length` and holds `bytes`. */
function frame(bytes: Uint8Array, length: number = bytes.length, flag = 0): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flag, 0);
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, bytes]);
}

const bomb = gzipSync(Buffer.alloc(67_108_864));
const goodMessage = encodeTheirs("ProduceRequest", {
  correlation: 1,
  entries: [{ topicId: topicBytes, partition: 0, batch: Buffer.alloc(9) }],
});

test("a header block of a megabyte is refused, and the next request works", () =>
  onRealStage(async (stage) => {
    await withHttp2(stage.listener.address, async (session) => {
      const stream = session.request({ ...produceHeaders, "x-large": "a".repeat(1_048_576) });
      const recorded = record(stream);
      await eventually(() => recorded.isOver || session.destroyed, "the end of the stream");
      expect(stage.api.produceCalls).toEqual([]);
    });
    await expectServed(stage);
  }));

test.for([
  { name: "text of HTTP/1.1", bytes: Buffer.from("GET / HTTP/1.1\r\nHost: varve\r\n\r\n") },
  { name: "a TLS hello", bytes: Buffer.from("160301020001000", "hex") },
  { name: "a Kafka request", bytes: Buffer.from("00000023001200030000000100096b61666b612d6a73", "hex") },
  { name: "random bytes", bytes: Buffer.alloc(10_000, 0xa7) },
  { name: "the preface and then nothing", bytes: Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") },
  { name: "nothing", bytes: Buffer.alloc(0) },
])("$name on a raw socket costs nobody else anything", ({ bytes }) =>
  onRealStage(async (stage) => {
    const [host, port] = stage.listener.address.split(":") as [string, string];
    const sockets: Socket[] = [];
    for (let index = 0; index < 5; index += 1) {
      const socket = connectTcp({ host, port: Number(port) });
      socket.on("error", () => {});
      socket.write(bytes);
      sockets.push(socket);
    }
    await expectServed(stage);
    for (const socket of sockets) socket.destroy();
  }),
);

test.for([
  { name: "a frame that says 4 GiB", bytes: frame(goodMessage, 0xffff_ffff), encoding: "identity" },
  { name: "a frame of garbage", bytes: frame(Buffer.alloc(100, 0xff)), encoding: "identity" },
  { name: "a message in an encoding that nobody knows", bytes: frame(goodMessage, goodMessage.length, 1), encoding: "rot13" },
  { name: "a message that says gzip and is not", bytes: frame(goodMessage, goodMessage.length, 1), encoding: "gzip" },
  { name: "64 MiB of zeros in 64 KiB of gzip", bytes: frame(bomb, bomb.length, 1), encoding: "gzip" },
])("$name ends its stream with an error, and another stream of the same connection works", ({ bytes, encoding }) =>
  onRealStage(async (stage) => {
    await withHttp2(stage.listener.address, async (session) => {
      const bad = session.request({ ...produceHeaders, "grpc-encoding": encoding });
      const recorded = record(bad);
      bad.write(bytes);
      await eventually(() => recorded.isOver || recorded.status !== undefined, "the end of the stream");
      expect(recorded.status).not.toBe("0");
      expect(stage.api.produceCalls).toEqual([]);
      const good = session.request(produceHeaders);
      record(good);
      good.write(frame(goodMessage));
      await eventually(() => stage.api.produceCalls.length === 1, "the good request");
    });
    await expectServed(stage);
  }),
);

test("a message that is half there when its stream is reset is never seen", () =>
  onRealStage(async (stage) => {
    await withHttp2(stage.listener.address, async (session) => {
      for (let index = 0; index < 20; index += 1) {
        const stream = session.request(produceHeaders);
        record(stream);
        stream.write(frame(goodMessage).subarray(0, 10 + index));
        await new Promise((done) => setImmediate(done));
        stream.close(8);
      }
    });
    expect(stage.api.produceCalls).toEqual([]);
    await expectServed(stage);
  }));

test("a thousand streams that are opened and reset at once cost nobody else anything", () =>
  onRealStage(async (stage) => {
    await withHttp2(stage.listener.address, async (session) => {
      for (let index = 0; index < 1_000 && !session.destroyed; index += 1) {
        const stream = session.request(produceHeaders);
        record(stream);
        stream.close(8);
        if (index % 50 === 0) await new Promise((done) => setImmediate(done));
      }
    });
    await expectServed(stage);
  }));

test("a client that vanishes in the middle of its requests aborts them", () =>
  onRealStage(async (stage) => {
    await withHttp2(stage.listener.address, async (session) => {
      const stream = session.request(produceHeaders);
      record(stream);
      stream.write(frame(goodMessage));
      await eventually(() => stage.api.produceCalls.length === 1, "the request");
    });
    await eventually(() => stage.api.produceCalls[0]!.signal.aborted, "the abort");
    await expectServed(stage);
  }));
