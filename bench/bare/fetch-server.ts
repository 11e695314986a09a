// grpc-js, bytes down: reads messages from a warm file, checks the CRC-32C of every batch in them, and writes as long as there is room.

import { openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import { fetchMethod, serve, type WritableCall } from "./grpc.ts";
import { announce, serverOptions } from "./server-process.ts";

/** Messages that may wait to be sent: enough that the transport always has the next one. */
const unsentMax = 3;

const options = serverOptions();
const { bytes, ringBytes } = options;
const isRead = options.batchBytes > 0;
const batchBytes = isRead ? options.batchBytes : bytes;
const path = join(options.folder, "warm");
const file = openSync(path, "w+");
unlinkSync(path);
const batch = Buffer.alloc(batchBytes, 1);
const checksum = crc32c(batch);
for (let at = 0; at < ringBytes; at += batchBytes) writeSync(file, batch, 0, batchBytes, at);

function handle(call: WritableCall): void {
  // grpc-js copies a message before it says that it was sent, so a buffer is free again at that moment.
  const free = Array.from({ length: unsentMax }, () => views(Buffer.allocUnsafeSlow(bytes)));
  const sending: (typeof free)[number][] = [];
  let at = 0;
  let isOver = false;
  call.on("cancelled", () => {
    isOver = true;
  });
  call.on("error", () => {});

  function sent(): void {
    const message = sending.shift();
    if (message !== undefined) free.push(message);
    pump();
  }

  function pump(): void {
    for (let message = free.pop(); message !== undefined && !isOver; message = free.pop()) {
      if (isRead) {
        readSync(file, message.whole, 0, bytes, at);
        at = at + 2 * bytes > ringBytes ? 0 : at + bytes;
        for (const view of message.batches) if (crc32c(view) !== checksum) throw new Error("a batch was damaged in its file");
      }
      sending.push(message);
      call.write(message.whole, sent);
    }
  }
  pump();
}

function views(whole: Buffer): { readonly whole: Buffer; readonly batches: readonly Buffer[] } {
  const batches: Buffer[] = [];
  for (let from = 0; from < whole.length; from += batchBytes) batches.push(whole.subarray(from, from + batchBytes));
  return { whole, batches };
}

announce(await serve(fetchMethod, "serverStream", handle, options));
