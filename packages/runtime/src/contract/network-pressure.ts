// What happens when one end is faster than the other, or asks for more than the other gives: back-pressure, pauses, limits.

import { describe, expect, test } from "vitest";
import type { IncomingStream, OutgoingStream } from "../network.ts";
import { type End, echo, methods, type NetworkStage, ok, Play } from "./network-stage.ts";
import { pattern, quietly, type Rig, sameBytes } from "./rig.ts";

const messageBytes = 65_536;
/** 64 MiB: more than any transport may hold back for one stream. */
const messages = 1_024;

export function pressureContract(run: Rig<NetworkStage>): void {
  const play = (script: (play: Play) => Promise<void>) =>
    run(async (stage, clock) => {
      const opened = new Play(stage, clock);
      await script(opened);
      await opened.finish();
    });

  describe("pressure", () => {
    test.each(["up", "down"] as const)(
      "a writer (%s) is told when to wait and when to go on, while its reader pauses; nothing is lost",
      (way) =>
        play(async (play) => {
          const listener = await play.listen();
          const [client, server] = await play.pair(play.connect(listener.address), methods.bulk);
          const [writer, reader] = way === "up" ? [client, server] : [server, client];
          let received = 0;
          let isInOrder = true;
          reader.onMessage = (bytes) => {
            isInOrder &&= bytes.length === messageBytes && numberIn(bytes) === received++;
            reader.messages.length = 0;
          };
          reader.do((stream) => stream.pause());
          const pump = writeAll(writer);
          pump.go();
          await quietly(play.clock);
          await quietly(play.clock);
          expect(pump.written).toBeLessThan(messages);
          expect(received).toBeLessThanOrEqual(1);
          reader.do((stream) => stream.resume());
          await play.until("all messages", () => received === messages);
          expect(isInOrder).toBe(true);
          expect(writer.rooms).toBeGreaterThan(0);
        }),
    );

    test("a paused end is told of one more message at most, of the rest after it resumes, and then of the end", () =>
      play(async (play) => {
        const listener = await play.listen();
        const [client, server] = await play.pair(play.connect(listener.address));
        client.onMessage = () => client.do((stream) => stream.pause());
        for (let at = 0; at < 5; at++) server.write(Uint8Array.of(at));
        server.do((stream) => stream.finish(ok));
        await play.until("the first", () => client.messages.length > 0);
        await quietly(play.clock);
        expect(client.messages.length).toBeLessThanOrEqual(2);
        expect(client.status).toBeUndefined();
        client.onMessage = undefined;
        client.do((stream) => stream.resume());
        await play.until("the end", () => client.status !== undefined);
        expect(client.messages.map((bytes) => bytes[0])).toEqual([0, 1, 2, 3, 4]);
        expect(client.status?.status).toBe("OK");
      }));

    test("a stream that nobody reads holds up no other stream of its connection", () =>
      play(async (play) => {
        const listener = await play.listen(echo);
        const connection = play.connect(listener.address);
        const [stuck, server] = await play.pair(connection, methods.call);
        server.onMessage = undefined;
        server.do((stream) => stream.pause());
        let written = 0;
        while (written < 64 && stuck.write(pattern(messageBytes))) written++;
        const other = play.open(connection);
        other.write(Uint8Array.of(1));
        other.do((stream) => stream.end());
        await play.until("the other", () => other.status !== undefined);
        expect(other.messages).toEqual([Uint8Array.of(1)]);
        stuck.do((stream) => stream.cancel());
      }));

    test("a message of the greatest length arrives; a longer one ends its stream with RESOURCE_EXHAUSTED, on either side, and no other", () =>
      play(async (play) => {
        const listener = await play.listen(echo, { messageBytesMax: 100_000 });
        const connection = play.connect(listener.address, 50_000);
        const [bystander] = await play.pair(connection);
        const [tooLong, tooLongServer] = await play.pair(connection);
        tooLong.write(pattern(100_001));
        await play.until("the refusal", () => tooLong.status !== undefined && tooLongServer.status !== undefined);
        expect(tooLong.status?.status).toBe("RESOURCE_EXHAUSTED");
        expect(tooLongServer.messages).toEqual([]);

        const [tooLongBack, back] = await play.pair(connection);
        back.onMessage = undefined;
        tooLongBack.write(pattern(100_000));
        await play.until("the longest", () => back.messages.length === 1);
        expect(sameBytes(back.messages[0], pattern(100_000))).toBe(true);
        back.write(pattern(50_000));
        await play.until("the longest back", () => tooLongBack.messages.length === 1);
        back.write(pattern(50_001));
        await play.until("the refusal back", () => tooLongBack.status !== undefined);
        expect(tooLongBack.status?.status).toBe("RESOURCE_EXHAUSTED");

        bystander.write(Uint8Array.of(1));
        bystander.do((stream) => stream.end());
        await play.until("the bystander", () => bystander.status !== undefined);
        expect(bystander.status?.status).toBe("OK");
        expect(bystander.messages).toEqual([Uint8Array.of(1)]);
      }));

    test("a connection carries no more streams at once than the listener allows; one more waits or is refused, and there is room again after one ends", () =>
      play(async (play) => {
        const listener = await play.listen(echo, { streamsPerConnectionMax: 4 });
        const connection = play.connect(listener.address);
        // The limit is known to the caller after the first exchange.
        const [first] = await play.pair(connection);
        const others = [0, 1, 2, 3, 4].map(() => play.open(connection));
        await play.until("four", () => play.accepted.length === 4);
        await quietly(play.clock);
        expect(play.accepted.length).toBe(4);
        first.do((stream) => stream.end());
        await play.until("the first is through", () => first.status !== undefined);
        const refused = others.filter((end) => end.status !== undefined);
        for (const end of refused) expect(["RESOURCE_EXHAUSTED", "UNAVAILABLE"]).toContain(end.status?.status);
        if (refused.length === 0) await play.until("the fifth", () => play.accepted.length === 5);
        for (const end of others) end.do((stream) => stream.cancel());
        await play.until("all are over", () => others.every((end) => end.status !== undefined));
        const last = play.open(connection);
        last.do((stream) => stream.end());
        await play.until("one more", () => last.status !== undefined);
        expect(last.status?.status).toBe("OK");
      }));
  });
}

/** Writes numbered messages as long as there is room. */
function writeAll(end: End<IncomingStream> | End<OutgoingStream>): { go(): void; readonly written: number } {
  let written = 0;
  const go = () => {
    while (written < messages) {
      const bytes = new Uint8Array(messageBytes);
      new DataView(bytes.buffer).setUint32(0, written++);
      if (!end.write(bytes)) break;
    }
  };
  end.onRoom = go;
  return {
    go,
    get written() {
      return written;
    },
  };
}

function numberIn(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
