// grpc-js, bytes down, the driving side: takes what comes.

import { client as connect, fetchMethod, identity } from "./grpc.ts";
import { Meter } from "./meter.ts";
import type { BareOptions, BareResult } from "./protocol.ts";
import { startServer } from "./server-process.ts";

export async function runFetch(options: BareOptions): Promise<BareResult> {
  const server = await startServer("fetch", options);
  const meter = new Meter("fetch", options);
  const client = connect(server.port, options);
  const call = client.makeServerStreamRequest(fetchMethod, identity, identity, Buffer.alloc(0));
  call.on("error", () => {});
  call.on("data", (message: Buffer) => {
    meter.ops += 1;
    meter.bytes += message.length;
  });
  const result = await meter.measure(server.pid);
  call.cancel();
  client.close();
  await server.stop();
  return result;
}
