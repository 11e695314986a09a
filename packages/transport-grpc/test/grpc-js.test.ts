// What only the real adapter can show: that others' gRPC clients and servers understand it, that bad bytes on the wire harm nobody
// else, and that receive windows are wide where they are asked to be. Its contract is run in grpc-js-contract.test.ts.

import { spawnSync } from "node:child_process";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Client, credentials, Metadata, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js";
import type { IncomingStream, ListenOptions, MessageListener, OutgoingStream, StreamEvents, StreamStatus } from "@varve/runtime";
import { afterEach, describe, expect, test } from "vitest";
import { type GrpcNetwork, grpcNetwork } from "../src/grpc-js/network.ts";

const method = "/varve.test.Test/Call";
const bulkMethod = "/varve.test.Test/Bulk";
const ok: StreamStatus = { status: "OK", message: "" };
const identity = (bytes: Buffer) => bytes;

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

type Accept = (stream: IncomingStream) => StreamEvents | StreamStatus;

function events(handlers: Partial<StreamEvents>): StreamEvents {
  return { message() {}, room() {}, ended() {}, closed() {}, ...handlers };
}

/** Answers a request of one message with the same message. */
const unaryEcho: Accept = (stream) => {
  let request = new Uint8Array(0);
  return events({
    message: (bytes) => {
      request = Uint8Array.from(bytes);
    },
    ended: () => {
      stream.write(request);
      stream.finish(ok);
    },
  });
};

async function listen(
  accept: Accept,
  options: Partial<ListenOptions> = {},
  network: GrpcNetwork = grpcNetwork(),
): Promise<MessageListener> {
  const listener = await network.listen(
    {
      address: "127.0.0.1:0",
      messageBytesMax: 1_000_000,
      streamsPerConnectionMax: 100,
      methods: [method, bulkMethod],
      bulkMethods: [bulkMethod],
      ...options,
    },
    accept,
  );
  closers.push(() => listener.close(0));
  return listener;
}

function call(
  address: string,
  of: string,
  handlers: Partial<StreamEvents> = {},
): { readonly stream: OutgoingStream; readonly closed: Promise<StreamStatus> } {
  const connection = grpcNetwork().connect(address, { messageBytesMax: 1_000_000 });
  closers.push(() => connection.close());
  let stream: OutgoingStream | undefined;
  const closed = new Promise<StreamStatus>((resolve) => {
    stream = connection.open(of, events({ ...handlers, closed: resolve }));
  });
  return { stream: stream as OutgoingStream, closed };
}

/** One request and its answer, over a new connection. */
async function roundTrip(address: string): Promise<readonly number[]> {
  const answer: number[] = [];
  const { stream, closed } = call(address, method, { message: (bytes) => answer.push(...bytes) });
  stream.write(Uint8Array.of(1, 2, 3));
  stream.end();
  expect((await closed).status).toBe("OK");
  return answer;
}

describe("others' gRPC", () => {
  function genericClient(address: string): Client {
    const client = new Client(address, credentials.createInsecure());
    closers.push(() => client.close());
    return client;
  }

  test("a generic client's unary call is a stream of one message each way", async () => {
    const { address } = await listen(unaryEcho);
    const answer = await new Promise<Buffer | undefined>((resolve, reject) =>
      genericClient(address).makeUnaryRequest(method, identity, identity, Buffer.from("hello"), (error, value) =>
        error ? reject(error) : resolve(value),
      ),
    );
    expect(String(answer)).toBe("hello");
  });

  test("a generic client reads our status, its message in any alphabet, and the trailer with the error code", async () => {
    const { address } = await listen(() => ({
      status: "FAILED_PRECONDITION",
      message: "kein Führer\nfür 主題 \ud800",
      error: "NOT_CONTROLLER",
    }));
    const error = await new Promise<ServiceError | null>((resolve) =>
      genericClient(address).makeUnaryRequest(method, identity, identity, Buffer.from("x"), (found) => resolve(found)),
    );
    expect(error).toMatchObject({ code: 9, details: "kein Führer\nfür 主題 \ufffd" });
    expect(error?.metadata.get("varve-error")).toEqual(["NOT_CONTROLLER"]);
  });

  test("a generic client may compress, and give a deadline", async () => {
    const { address } = await listen(unaryEcho);
    const client = new Client(address, credentials.createInsecure(), { "grpc.default_compression_algorithm": 2 });
    closers.push(() => client.close());
    const request = Buffer.alloc(10_000, 7);
    const answer = await new Promise<Buffer | undefined>((resolve, reject) =>
      client.makeUnaryRequest(method, identity, identity, request, new Metadata(), { deadline: Date.now() + 60_000 }, (error, value) =>
        error ? reject(error) : resolve(value),
      ),
    );
    expect(answer?.equals(request)).toBe(true);
  });

  test("our client calls a generic unary handler", async () => {
    const server = new Server();
    server.register(
      method,
      (given: { request: Buffer }, respond: (error: null, value: Buffer) => void) => respond(null, Buffer.from(`got ${given.request}`)),
      identity,
      identity,
      "unary",
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    closers.push(() => server.forceShutdown());
    let answer = "";
    const { stream, closed } = call(`127.0.0.1:${port}`, method, {
      message: (bytes) => {
        answer += new TextDecoder().decode(bytes);
      },
    });
    stream.write(new TextEncoder().encode("it"));
    stream.end();
    expect((await closed).status).toBe("OK");
    expect(answer).toBe("got it");
  });

  test("a status of a generic server that has no name of ours is UNKNOWN", async () => {
    const server = new Server();
    server.register(
      method,
      (_: unknown, respond: (error: object) => void) => respond({ code: 99, details: "new" }),
      identity,
      identity,
      "unary",
    );
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
    );
    closers.push(() => server.forceShutdown());
    const { stream, closed } = call(`127.0.0.1:${port}`, method);
    stream.write(new Uint8Array(1));
    stream.end();
    expect(await closed).toEqual({ status: "UNKNOWN", message: "new" });
  });
});

describe("bad bytes", () => {
  test("a header block of a megabyte, in one header or in many, is refused, and the next request works", async () => {
    const { address } = await listen(unaryEcho);
    const one = { "x-big": "0123456789abcdef".repeat(62_500) };
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, at) => [`x-${at}`, "v".repeat(90)]));
    for (const big of [one, many]) {
      const session = connectHttp2(`http://${address}`, { maxSendHeaderBlockLength: 10_000_000 });
      session.on("error", () => {});
      const request = session.request({ ":method": "POST", ":path": method, "content-type": "application/grpc", te: "trailers", ...big });
      const outcome = await new Promise((resolve) => {
        request.on("response", () => resolve("answered"));
        request.on("error", () => resolve("refused"));
        request.on("close", () => resolve("refused"));
      });
      expect(outcome).toBe("refused");
      session.destroy();
      expect(await roundTrip(address)).toEqual([1, 2, 3]);
    }
  });

  test.each([
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
    ["noise", Buffer.alloc(100_000, 0xff)],
    ["noise after the preface", Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"x".repeat(10_000)}`)],
    [
      "a frame that says that it is 16 MiB long",
      Buffer.from([...Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 255, 255, 255, 0, 0, 0, 0, 0, 1]),
    ],
  ])("%s closes that connection, and the next one works", async (_, bytes) => {
    const { address } = await listen(unaryEcho);
    const socket = connectTcp(Number(address.split(":")[1]), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(bytes);
    await new Promise((resolve) => socket.on("close", resolve).resume());
    expect(await roundTrip(address)).toEqual([1, 2, 3]);
  });

  test.each([
    ["a length over the limit", [0, 255, 255, 255, 255, 7], "8"],
    ["a compressed message of no known encoding", [1, 0, 0, 0, 1, 7], "12"],
  ])("%s ends its stream with a status, and the connection serves the next", async (_, frame, status) => {
    const { address } = await listen(unaryEcho);
    const session = connectHttp2(`http://${address}`);
    closers.push(() => session.destroy());
    const answer = (bytes: readonly number[], encoding: string) =>
      new Promise((resolve) => {
        const request = session.request({
          ":method": "POST",
          ":path": method,
          "content-type": "application/grpc",
          "grpc-encoding": encoding,
          te: "trailers",
        });
        request.on("response", (headers) => headers["grpc-status"] !== undefined && resolve(headers["grpc-status"]));
        request.on("trailers", (headers) => resolve(headers["grpc-status"]));
        request.on("error", () => resolve("error"));
        request.resume().end(Buffer.from(bytes));
      });
    expect(await answer(frame, "none-of-these")).toBe(status);
    expect(await answer([0, 0, 0, 0, 1, 7], "identity")).toBe("0");
  });
});

describe("receive windows", () => {
  /** Writes to a stream that nobody reads until the transport holds enough, and then waits whether it asks for more. */
  async function asksForMore(of: string, network: GrpcNetwork, waitMs: number): Promise<boolean> {
    const { address } = await listen(
      (stream) => {
        stream.pause();
        return events({});
      },
      {},
      network,
    );
    let hasRoom = false;
    const { stream } = call(address, of, {
      room: () => {
        hasRoom = true;
      },
    });
    for (let writes = 0; writes < 100; writes++) if (!stream.write(new Uint8Array(65_536))) break;
    for (let waitedMs = 0; waitedMs < waitMs && !hasRoom; waitedMs += 10) await delay(10);
    return hasRoom;
  }

  test("a connection with a bulk method gets a wide one: the caller goes on writing, and the network counts it", async () => {
    const network = grpcNetwork({ receiveWindowBytes: 4_194_304 });
    expect(await asksForMore(bulkMethod, network, 30_000)).toBe(true);
    expect(network.widenedConnections).toBe(1);
  });

  test("one without keeps the narrow one of HTTP/2, and holds little memory for a caller that is not read", async () => {
    const network = grpcNetwork({ receiveWindowBytes: 4_194_304 });
    expect(await asksForMore(method, network, 500)).toBe(false);
    expect(network.widenedConnections).toBe(0);
  });

  test("a connection is widened once, by whichever of its streams is the first with bulk", async () => {
    const network = grpcNetwork();
    const { address } = await listen(unaryEcho, {}, network);
    const connection = grpcNetwork().connect(address, { messageBytesMax: 1_000_000 });
    closers.push(() => connection.close());
    for (const of of [method, bulkMethod, bulkMethod, method]) {
      await new Promise<void>((resolve) => {
        const stream = connection.open(of, events({ closed: () => resolve() }));
        stream.write(new Uint8Array(1));
        stream.end();
      });
    }
    expect(network.widenedConnections).toBe(1);
  });
});

describe("the process", () => {
  function run(program: string, environment: Readonly<Record<string, string>> = {}): ReturnType<typeof spawnSync> {
    const source = `
      import { grpcNetwork } from "${new URL("../src/grpc-js/network.ts", import.meta.url).href}";
      const options = { address: "127.0.0.1:0", messageBytesMax: 1000, streamsPerConnectionMax: 10, methods: ["/a.B/C"], bulkMethods: [] };
      const nothing = { message() {}, room() {}, ended() {}, closed() {} };
      ${program}
    `;
    return spawnSync(process.execPath, ["--input-type=module", "-e", source], { env: { ...process.env, ...environment }, timeout: 60_000 });
  }

  test("ends by an exception in the code that accepts streams: gRPC does not turn it into a status", () => {
    const { status, stderr } = run(`
      const listener = await grpcNetwork().listen(options, () => { throw new Error("a contradiction"); });
      grpcNetwork().connect(listener.address, { messageBytesMax: 1000 }).open("/a.B/C", nothing);
    `);
    expect(status).toBe(1);
    expect(String(stderr)).toContain("Error: a contradiction");
  });

  test("ends by an exception in the code that takes messages, on either side", () => {
    for (const side of ["server", "client"]) {
      const { status, stderr } = run(`
        const failing = { ...nothing, message() { throw new Error("a contradiction"); } };
        const listener = await grpcNetwork().listen(options, (stream) => {
          setImmediate(() => stream.write(new Uint8Array(1)));
          return "${side}" === "server" ? failing : nothing;
        });
        grpcNetwork().connect(listener.address, { messageBytesMax: 1000 }).open("/a.B/C", "${side}" === "client" ? failing : nothing).write(new Uint8Array(1));
      `);
      expect(status).toBe(1);
      expect(String(stderr)).toContain("Error: a contradiction");
    }
  });

  test("writes nothing to its console about a connection that fails, and takes no proxy from its environment", () => {
    const { status, stdout, stderr } = run(
      `
      const listener = await grpcNetwork().listen(options, (stream) => ({ status: "OK", message: "" }));
      const open = (address) => new Promise((closed) => {
        const connection = grpcNetwork().connect(address, { messageBytesMax: 1000 });
        connection.open("/a.B/C", { ...nothing, closed: (status) => connection.close().then(() => closed(status.status)) }).end();
      });
      const first = await open(listener.address);
      await grpcNetwork().listen({ ...options, address: listener.address }, () => nothing).catch(() => {});
      await listener.close(0);
      process.stdout.write(first + " " + await open(listener.address));
    `,
      { http_proxy: "http://127.0.0.1:1", grpc_proxy: "http://127.0.0.1:1" },
    );
    expect(String(stderr)).toBe("");
    expect(String(stdout)).toBe("OK UNAVAILABLE");
    expect(status).toBe(0);
  });
});
