// Raw TCP, the driving side: keeps a window of frames outstanding and refills it with one write.

import { connect } from "node:net";
import { Meter } from "./meter.ts";
import type { BareOptions, BareResult } from "./protocol.ts";
import { startServer } from "./server-process.ts";

const ackBytes = 16;

export async function runTcp(options: BareOptions): Promise<BareResult> {
  const server = await startServer("tcp", options);
  const meter = new Meter("tcp", options);
  const window = Buffer.alloc(options.bytes * options.depth, 1);
  const inbox = Buffer.allocUnsafeSlow(65_536);
  let partialBytes = 0;
  let sentMs = 0;
  const socket = connect({ host: "127.0.0.1", port: server.port, noDelay: true, onread: { buffer: inbox, callback: receive } });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));

  function receive(byteLength: number): boolean {
    const acks = Math.floor((partialBytes + byteLength) / ackBytes);
    partialBytes = (partialBytes + byteLength) % ackBytes;
    if (acks === 0) return true;
    if (options.depth === 1) {
      const nowMs = performance.now();
      meter.latency((nowMs - sentMs) * 1_000);
      sentMs = nowMs;
    }
    meter.ops += acks;
    meter.bytes += acks * options.bytes;
    socket.write(window.subarray(0, acks * options.bytes));
    return true;
  }

  sentMs = performance.now();
  socket.write(window);
  const result = await meter.measure(server.pid);
  socket.destroy();
  await server.stop();
  return result;
}
