// What is left when the way between two ends breaks, or one of them goes: who is told what, and that the next call finds its way.

import { describe, expect, test } from "vitest";
import type { MessageConnection } from "../network.ts";
import { type ClientEnd, echo, methods, type NetworkStage, ok, Play } from "./network-stage.ts";
import { pattern, quietly, type Rig } from "./rig.ts";

/** A grace that no test waits for. */
const longGraceMs = 60_000;
const shortGraceMs = 30;
const attemptsMax = 200;

export function lossContract(run: Rig<NetworkStage>): void {
  const play = (script: (play: Play) => Promise<void>) =>
    run(async (stage, clock) => {
      const opened = new Play(stage, clock);
      await script(opened);
      await opened.finish();
    });

  describe("loss", () => {
    test("a call to where nobody listens ends with UNAVAILABLE", () =>
      play(async (play) => {
        const listener = await play.listen();
        await listener.close(0);
        const client = play.open(play.connect(listener.address));
        client.write(Uint8Array.of(1));
        await play.until("the failure", () => client.status !== undefined);
        expect(client.status?.status).toBe("UNAVAILABLE");
      }));

    test("a connection that breaks ends its streams on both sides, the caller's with UNAVAILABLE, and the next stream makes a new one", () =>
      play(async (play) => {
        const listener = await play.listen();
        const connection = play.connect(await play.stage.route(listener.address));
        const [client, server] = await play.pair(connection);
        const [second, secondServer] = await play.pair(connection);
        play.stage.cut();
        const all = [client, server, second, secondServer];
        await play.until("all ends are closed", () => all.every((end) => end.status !== undefined));
        expect([client.status?.status, second.status?.status]).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
        expect([server.status?.status, secondServer.status?.status]).not.toContain("OK");
        server.write(Uint8Array.of(1));
        server.do((stream) => stream.finish(ok));
        await works(play, connection);
        expect(client.messages).toEqual([]);
      }));

    test("a message whose sender is cut off in its middle never arrives; those before it do, once", () =>
      play(async (play) => {
        const listener = await play.listen();
        const connection = play.connect(await play.stage.route(listener.address));
        const [client, server] = await play.pair(connection, methods.bulk);
        client.write(pattern(1_000));
        await play.until("the whole message", () => server.messages.length === 1);
        play.stage.cutAfter(100_000);
        client.write(pattern(3_000_000));
        await play.until("both ends are closed", () => client.status !== undefined && server.status !== undefined);
        expect(client.status?.status).toBe("UNAVAILABLE");
        expect(server.status?.status).not.toBe("OK");
        expect(server.messages).toEqual([pattern(1_000)]);
        expect(server.hasEnded).toBe(false);
        await works(play, connection);
      }));

    test("a connection that is closed cancels its streams, and the other side hears of it", () =>
      play(async (play) => {
        const listener = await play.listen();
        const connection = play.connect(listener.address);
        const [client, server] = await play.pair(connection);
        await connection.close();
        await play.until("both ends are closed", () => client.status !== undefined && server.status !== undefined);
        expect(client.status?.status).toBe("CANCELLED");
        expect(server.status?.status).not.toBe("OK");
      }));

    test("a listener that closes lets open streams come to their end, and takes no new ones", () =>
      play(async (play) => {
        const listener = await play.listen();
        const connection = play.connect(listener.address);
        const [client, server] = await play.pair(connection);
        let isClosed = false;
        const closed = listener.close(longGraceMs).then(() => {
          isClosed = true;
        });
        await quietly(play.clock);
        const late = [play.open(connection), play.open(play.connect(listener.address))];
        await play.until("the late ones are refused", () => late.every((end) => end.status !== undefined));
        expect(late.map((end) => end.status?.status)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
        expect(play.accepted.length).toBe(1);
        expect(isClosed).toBe(false);
        client.write(Uint8Array.of(1));
        await play.until("the message", () => server.messages.length === 1);
        server.write(Uint8Array.of(2));
        server.do((stream) => stream.finish(ok));
        await closed;
        await play.until("the status", () => client.status !== undefined);
        expect([client.messages, client.status?.status]).toEqual([[Uint8Array.of(2)], "OK"]);
      }));

    test("a listener that closes cuts the streams that are still open when the grace is over", () =>
      play(async (play) => {
        const listener = await play.listen();
        const [client, server] = await play.pair(play.connect(listener.address));
        await listener.close(shortGraceMs);
        await play.until("both ends are closed", () => client.status !== undefined && server.status !== undefined);
        expect([client.status?.status, server.status?.status]).not.toContain("OK");
      }));

    test("a connection finds a listener that comes back at its address", () =>
      play(async (play) => {
        const listener = await play.listen(echo);
        const connection = play.connect(listener.address);
        await works(play, connection);
        await listener.close(0);
        const refused = play.open(connection);
        await play.until("the failure", () => refused.status !== undefined);
        expect(refused.status?.status).toBe("UNAVAILABLE");
        await play.listen(echo, { address: listener.address });
        await works(play, connection);
      }));
  });
}

/** Calls until a call is answered: a transport may fail those that it had begun to send before it knew of a loss. */
async function works(play: Play, connection: MessageConnection): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const before = play.accepted.length;
    const client: ClientEnd = play.open(connection);
    client.write(Uint8Array.of(7));
    client.do((stream) => stream.end());
    await play.until("accepted or failed", () => play.accepted.length > before || client.status !== undefined);
    const server = play.accepted[before];
    if (server !== undefined && server.onEnded === undefined) {
      await play.until("the request", () => server.hasEnded || client.status !== undefined);
      for (const bytes of server.messages) server.write(bytes);
      server.do((stream) => stream.finish(ok));
    }
    await play.until("the answer", () => client.status !== undefined);
    if (client.status?.status === "OK") {
      expect(client.messages).toEqual([Uint8Array.of(7)]);
      return;
    }
    await quietly(play.clock);
  }
  throw new Error(`no call was answered in ${attemptsMax} attempts`);
}
