// Messages are bytes already: grpc-js gets them as they are, in the class that it wants, and ours come out without Buffer's ways
// (whose `slice` does not copy). Neither copies: grpc-js does once, when it frames a message.

import type { OutgoingMessage } from "@varve/runtime";

/** A message in parts, with all of a Buffer that grpc-js asks of one before it copies it into a frame. */
class MessageParts {
  readonly length: number;
  readonly byteLength: number;
  readonly #parts: readonly Uint8Array[];

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
    this.length = byteLengthOf(parts);
    this.byteLength = this.length;
  }

  copy(target: Uint8Array, from: number): void {
    let at = from;
    for (const part of this.#parts) {
      target.set(part, at);
      at += part.length;
    }
  }
}

export function toBuffer(message: OutgoingMessage): Buffer {
  if (!(message instanceof Uint8Array)) return new MessageParts(message) as unknown as Buffer;
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

export function byteLengthOf(message: OutgoingMessage): number {
  if (message instanceof Uint8Array) return message.byteLength;
  let length = 0;
  for (const part of message) length += part.length;
  return length;
}

export function toBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
