// What two ends of a stream say to each other while the network holds: order, half-close, status, cancel, refusal.

import { describe, expect, test } from "vitest";
import type { StreamStatus } from "../network.ts";
import { echo, methods, type NetworkStage, ok, Play } from "./network-stage.ts";
import { pattern, quietly, type Rig, sameBytes } from "./rig.ts";

export function exchangeContract(run: Rig<NetworkStage>): void {
  const play = (script: (play: Play) => Promise<void>) =>
    run(async (stage, clock) => {
      const opened = new Play(stage, clock);
      await script(opened);
      await opened.finish();
    });

  describe("exchange", () => {
    test("one message there and one back is a unary call", () =>
      play(async (play) => {
        const listener = await play.listen((end) => {
          end.onMessage = (bytes) => {
            end.write(Uint8Array.of(...bytes, 4));
            end.do((stream) => stream.finish(ok));
          };
          return undefined;
        });
        const client = play.open(play.connect(listener.address));
        client.write(Uint8Array.of(1, 2, 3));
        client.do((stream) => stream.end());
        await play.until("the answer", () => client.status !== undefined);
        expect(client.messages).toEqual([Uint8Array.of(1, 2, 3, 4)]);
        expect(client.status).toMatchObject({ status: "OK" });
        expect(client.hasEnded).toBe(true);
        expect(play.accepted[0]?.stream.method).toBe(methods.call);
      }));

    test("messages arrive whole and in order, both ways, whatever their length, the empty one too", () =>
      play(async (play) => {
        const listener = await play.listen(echo);
        const client = play.open(play.connect(listener.address), methods.bulk);
        const lengths = [0, 1, 5, 100, 16_379, 16_384, 65_535, 65_536, 70_000, 1_000_000, 0, 3];
        for (const [at, length] of lengths.entries()) client.write(pattern(length, at));
        for (let at = 0; at < 500; at++) client.write(pattern(20, at));
        client.do((stream) => stream.end());
        await play.until("the last echo", () => client.status !== undefined);
        expect(client.messages.length).toBe(lengths.length + 500);
        for (const [at, length] of lengths.entries()) expect(sameBytes(client.messages[at], pattern(length, at))).toBe(true);
        for (let at = 0; at < 500; at++) expect(client.messages[lengths.length + at]).toEqual(pattern(20, at));
        expect(client.status).toMatchObject({ status: "OK" });
      }));

    test("a message in parts arrives whole, whatever the parts", () =>
      play(async (play) => {
        const listener = await play.listen((end) => {
          // Back as it came, and in parts again.
          end.onMessage = (bytes) => end.do((stream) => stream.write([bytes.subarray(0, 3), bytes.subarray(3)]));
          end.onEnded = () => end.do((stream) => stream.finish(ok));
          return undefined;
        });
        const client = play.open(play.connect(listener.address), methods.bulk);
        const lengths = [[], [0], [5], [1, 0, 2], [3, 100_000, 7, 70_000]];
        const sent = lengths.map((parts) => parts.map((length, at) => pattern(length, at)));
        for (const parts of sent) client.do((stream) => stream.write(parts));
        client.do((stream) => stream.end());
        await play.until("the last echo", () => client.status !== undefined);
        expect(client.messages.map((message) => message.length)).toEqual([0, 0, 5, 3, 170_010]);
        for (const [at, message] of client.messages.entries()) {
          let from = 0;
          for (const part of sent[at]!) {
            expect(sameBytes(message.subarray(from, from + part.length), part)).toBe(true);
            from += part.length;
          }
        }
      }));

    test("the bytes of a message are its receiver's to change", () =>
      play(async (play) => {
        const listener = await play.listen((end) => {
          end.onMessage = (bytes) => bytes.fill(0);
          end.onEnded = () => end.do((stream) => stream.finish(ok));
          return undefined;
        });
        const client = play.open(play.connect(listener.address));
        const sent = Array.from({ length: 20 }, (_, at) => pattern(50, at));
        for (const bytes of sent) client.write(bytes);
        client.do((stream) => stream.end());
        await play.until("the end", () => client.status !== undefined);
        expect(sent).toEqual(Array.from({ length: 20 }, (_, at) => pattern(50, at)));
        expect(play.accepted[0]?.messages.every((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
      }));

    test("a caller that has ended still hears the other side, as long as that speaks", () =>
      play(async (play) => {
        const listener = await play.listen();
        const [client, server] = await play.pair(play.connect(listener.address));
        client.write(Uint8Array.of(1));
        client.do((stream) => stream.end());
        await play.until("the half-close", () => server.hasEnded);
        expect(server.messages).toEqual([Uint8Array.of(1)]);
        for (const at of [1, 2, 3]) {
          server.write(Uint8Array.of(at));
          await play.until(`answer ${at}`, () => client.messages.length === at);
        }
        expect(client.status).toBeUndefined();
        server.do((stream) => stream.finish(ok));
        await play.until("the end", () => client.status !== undefined && server.status !== undefined);
        expect(client.messages).toEqual([Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
      }));

    test("the answering side may finish before the caller has ended: what it wrote arrives, then the status; what is written after that is ignored", () =>
      play(async (play) => {
        const listener = await play.listen();
        const [client, server] = await play.pair(play.connect(listener.address));
        for (let at = 0; at < 100; at++) server.write(pattern(1_000, at));
        server.do((stream) => stream.finish({ status: "ABORTED", message: "enough" }));
        server.write(Uint8Array.of(9));
        await play.until("the status", () => client.status !== undefined && server.status !== undefined);
        expect(client.messages.length).toBe(100);
        expect(client.status).toMatchObject({ status: "ABORTED", message: "enough" });
        client.write(Uint8Array.of(1));
        client.do((stream) => stream.end());
        client.do((stream) => stream.cancel());
        await quietly(play.clock);
        expect(server.messages).toEqual([]);
      }));

    test("a status carries its name, its message and a code of the error table", () =>
      play(async (play) => {
        const statuses: readonly StreamStatus[] = [
          { status: "NOT_FOUND", message: "topic `π`: no such topic, 100 % sure", error: "UNKNOWN_TOPIC_OR_PARTITION" },
          { status: "INTERNAL", message: "" },
          { status: "UNAUTHENTICATED", message: "who?" },
        ];
        const listener = await play.listen();
        const connection = play.connect(listener.address);
        for (const status of statuses) {
          const [client, server] = await play.pair(connection);
          server.do((stream) => stream.finish(status));
          await play.until("the status", () => client.status !== undefined);
          expect(client.status?.status).toBe(status.status);
          if (status.message !== "") expect(client.status?.message).toBe(status.message);
          expect(client.status?.error).toBe(status.error);
        }
      }));

    test("a caller that cancels hears CANCELLED and nothing more, and the answering side hears that it is over", () =>
      play(async (play) => {
        const listener = await play.listen();
        const [client, server] = await play.pair(play.connect(listener.address));
        server.write(Uint8Array.of(1));
        await play.until("a message", () => client.messages.length === 1);
        client.do((stream) => stream.cancel());
        await play.until("both ends are closed", () => client.status !== undefined && server.status !== undefined);
        expect(client.status?.status).toBe("CANCELLED");
        expect(server.status?.status).not.toBe("OK");
        server.write(Uint8Array.of(2));
        server.do((stream) => stream.finish(ok));
        await quietly(play.clock);
        expect(client.messages.length).toBe(1);
      }));

    test("a stream that is cancelled before it is connected is closed, and the connection serves the next", () =>
      play(async (play) => {
        const listener = await play.listen(echo);
        const connection = play.connect(listener.address);
        const cancelled = play.open(connection);
        cancelled.do((stream) => stream.cancel());
        const client = play.open(connection);
        client.write(Uint8Array.of(1));
        client.do((stream) => stream.end());
        await play.until("both are closed", () => cancelled.status !== undefined && client.status !== undefined);
        expect(cancelled.status?.status).toBe("CANCELLED");
        expect(client.status?.status).toBe("OK");
      }));

    test("a stream may be refused with a status, and the next one accepted", () =>
      play(async (play) => {
        let asked = 0;
        const listener = await play.listen((end) => {
          if (asked++ === 0) return { status: "RESOURCE_EXHAUSTED", message: "come back later", error: "THROTTLING_QUOTA_EXCEEDED" };
          return echo(end);
        });
        const connection = play.connect(listener.address);
        const refused = play.open(connection);
        refused.write(Uint8Array.of(1));
        await play.until("the refusal", () => refused.status !== undefined);
        expect(refused.status).toMatchObject({
          status: "RESOURCE_EXHAUSTED",
          message: "come back later",
          error: "THROTTLING_QUOTA_EXCEEDED",
        });
        const client = play.open(connection);
        client.do((stream) => stream.end());
        await play.until("the second", () => client.status !== undefined);
        expect(client.status?.status).toBe("OK");
      }));

    test("a method that is not offered ends with UNIMPLEMENTED, and is not shown", () =>
      play(async (play) => {
        const listener = await play.listen(echo, { methods: [methods.call], bulkMethods: [] });
        const client = play.open(play.connect(listener.address), methods.bulk);
        client.write(Uint8Array.of(1));
        await play.until("the refusal", () => client.status !== undefined);
        expect(client.status?.status).toBe("UNIMPLEMENTED");
        expect(play.accepted).toEqual([]);
      }));

    test("a hundred streams share a connection without mixing, under the name of one peer; another connection has another name", () =>
      play(async (play) => {
        const listener = await play.listen(echo);
        const connection = play.connect(listener.address);
        const clients = Array.from({ length: 100 }, () => play.open(connection));
        for (let round = 0; round < 5; round++) for (const [at, client] of clients.entries()) client.write(Uint8Array.of(at, round));
        for (const client of clients) client.do((stream) => stream.end());
        await play.until("all are through", () => clients.every((client) => client.status !== undefined));
        for (const [at, client] of clients.entries())
          expect(client.messages).toEqual([0, 1, 2, 3, 4].map((round) => Uint8Array.of(at, round)));
        const names = new Set(play.accepted.map((end) => end.stream.peer));
        expect(names.size).toBe(1);
        const other = play.open(play.connect(listener.address));
        other.do((stream) => stream.end());
        await play.until("the other", () => other.status !== undefined);
        expect(names.has(play.accepted.at(-1)?.stream.peer as string)).toBe(false);
      }));

    test("a listener says which port it took, holds it alone, and gives it back when it is closed", () =>
      play(async (play) => {
        const first = await play.listen();
        expect(Number(first.address.split(":").at(-1))).toBeGreaterThan(0);
        await expect(play.listen(echo, { address: first.address })).rejects.toThrow();
        await first.close(0);
        const again = await play.listen(echo, { address: first.address });
        expect(again.address).toBe(first.address);
        const client = play.open(play.connect(again.address));
        client.do((stream) => stream.end());
        await play.until("the call", () => client.status !== undefined);
        expect(client.status?.status).toBe("OK");
      }));
  });
}
