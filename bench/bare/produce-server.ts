// grpc-js, bytes up: checks each message's CRC-32C, writes all messages of a burst at once, answers them in one message.

import { crc32c } from "@node-rs/crc32";
import { type DuplexCall, produceMethod, serve } from "./grpc.ts";
import { RingFile } from "./ring-file.ts";
import { announce, serverOptions } from "./server-process.ts";

const ackBytes = 16;
const acksMax = 4_096;

const options = serverOptions();
const file = new RingFile(options);
/** Every message is the same, so that its checksum needs no place of its own in it. */
const checksum = crc32c(Buffer.alloc(options.bytes, 1));
const acks = Buffer.alloc(ackBytes * acksMax);

function handle(call: DuplexCall): void {
  let burst: Buffer[] = [];
  let burstBytes = 0;
  let unsynced = 0;
  let isSyncing = false;

  call.on("data", (message: Buffer) => {
    if (crc32c(message) !== checksum) throw new Error("a message was damaged on its way");
    if (burst.push(message) === 1) setImmediate(flush);
    burstBytes += message.length;
  });
  call.on("end", () => call.end());
  call.on("error", () => {});

  function flush(): void {
    const messages = burst.length;
    file.writeAll(burst, burstBytes);
    burst = [];
    burstBytes = 0;
    if (!options.durable) answer(messages);
    else if (options.blocking) {
      file.syncBlocking();
      answer(messages);
    } else {
      unsynced += messages;
      sync();
    }
  }

  function sync(): void {
    if (isSyncing || unsynced === 0) return;
    const messages = unsynced;
    unsynced = 0;
    isSyncing = true;
    file.sync(() => {
      isSyncing = false;
      answer(messages);
      sync();
    });
  }

  function answer(messages: number): void {
    for (let left = messages; left > 0; left -= acksMax) call.write(acks.subarray(0, ackBytes * Math.min(left, acksMax)));
  }
}

announce(await serve(produceMethod, "bidi", handle, options));
