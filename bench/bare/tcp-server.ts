// Raw TCP, the answering side: one static receive buffer, one file write and one write of acks per burst. Protocol: performance.md 14.

import { type AddressInfo, createServer, Socket } from "node:net";
import { RingFile } from "./ring-file.ts";
import { announce, serverOptions } from "./server-process.ts";

const ackBytes = 16;
const acksMax = 4_096;

const options = serverOptions();
const file = new RingFile(options);
const inbox = Buffer.allocUnsafeSlow(Math.max(1 << 18, Math.min(1 << 20, 2 * options.bytes)));
const acks = Buffer.alloc(ackBytes * acksMax);

const server = createServer({ noDelay: true, pauseOnConnect: true }, (accepted) => {
  let partialBytes = 0;
  let unsynced = 0;
  let isSyncing = false;
  // Undocumented: a socket takes `onread` only at its making, so the accepted one's handle is moved into a new one.
  const raw = accepted as Socket & { _handle: object | null };
  const handle = Object.assign(raw._handle as object, { reading: false });
  raw._handle = null;
  const socket = new Socket({ handle, onread: { buffer: inbox, callback: receive } } as object);
  socket.on("error", () => socket.destroy());
  socket.setNoDelay(true);
  socket.resume();

  function answer(frames: number): void {
    for (let left = frames; left > 0; left -= acksMax) socket.write(acks.subarray(0, ackBytes * Math.min(left, acksMax)));
  }

  function receive(byteLength: number): boolean {
    file.write(inbox, byteLength);
    const frames = Math.floor((partialBytes + byteLength) / options.bytes);
    partialBytes = (partialBytes + byteLength) % options.bytes;
    if (options.durable) {
      unsynced += frames;
      sync();
    } else if (frames > 0) answer(frames);
    return true;
  }

  function sync(): void {
    if (isSyncing || unsynced === 0) return;
    const frames = unsynced;
    unsynced = 0;
    isSyncing = true;
    file.sync(() => {
      isSyncing = false;
      answer(frames);
      sync();
    });
  }
});
server.listen(0, "127.0.0.1", () => announce((server.address() as AddressInfo).port));
