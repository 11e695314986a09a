// grpc-js, bytes up, the driving side: keeps `depth` messages in flight.

import { client as connect, identity, produceMethod } from "./grpc.ts";
import { Meter } from "./meter.ts";
import type { BareOptions, BareResult } from "./protocol.ts";
import { startServer } from "./server-process.ts";

const ackBytes = 16;

export async function runProduce(options: BareOptions): Promise<BareResult> {
  const server = await startServer("produce", options);
  const meter = new Meter("produce", options);
  const client = connect(server.port, options);
  const call = client.makeBidiStreamRequest(produceMethod, identity, identity);
  const message = Buffer.alloc(options.bytes, 1);
  let sentMs = 0;
  call.on("error", () => {});
  call.on("data", (bytes: Buffer) => {
    const acks = bytes.length / ackBytes;
    if (options.depth === 1) {
      const nowMs = performance.now();
      meter.latency((nowMs - sentMs) * 1_000);
      sentMs = nowMs;
    }
    meter.ops += acks;
    meter.bytes += acks * options.bytes;
    for (let at = 0; at < acks; at++) call.write(message);
  });
  sentMs = performance.now();
  for (let at = 0; at < options.depth; at++) call.write(message);
  const result = await meter.measure(server.pid);
  call.cancel();
  client.close();
  await server.stop();
  return result;
}
