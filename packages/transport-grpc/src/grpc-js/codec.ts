// Messages are bytes already: grpc-js gets them as they are, in the class that it wants, and ours come out without Buffer's ways
// (whose `slice` does not copy). Neither copies.

export function toBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
}

export function toBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
