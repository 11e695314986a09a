// A way between two processes that can be broken: a TCP relay on the loopback, which cuts connections at once or after so many bytes.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";

export class Relay {
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();
  /** Bytes that may still go up before everything is cut. */
  #upBytesLeft = Number.POSITIVE_INFINITY;

  /** @returns an address that leads to `address`. */
  async route(address: string): Promise<string> {
    const [host, port] = address.split(":") as [string, string];
    const server = createServer({ noDelay: true }, (near) => this.#join(near, connect({ host, port: Number(port), noDelay: true })));
    this.#servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
    this.#upBytesLeft = Number.POSITIVE_INFINITY;
  }

  cutAfter(bytes: number): void {
    this.#upBytesLeft = bytes;
  }

  async close(): Promise<void> {
    this.cut();
    for (const server of this.#servers) {
      server.close();
      await once(server, "close");
    }
  }

  #join(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    far.pipe(near);
    near.on("data", (bytes: Uint8Array) => {
      const passed = bytes.subarray(0, Math.min(bytes.length, this.#upBytesLeft));
      this.#upBytesLeft -= passed.length;
      if (!far.write(passed)) near.pause();
      if (this.#upBytesLeft === 0) far.end(() => this.cut());
    });
    far.on("drain", () => near.resume());
  }
}
