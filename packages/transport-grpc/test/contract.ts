// The real .proto files through protobufjs's own parser: what the tests hold our hand-written codecs against.

import { fileURLToPath } from "node:url";
import type { TopicId } from "@varve/model";
import { uuidToText } from "@varve/model";
import type { OutgoingMessage } from "@varve/runtime";
import fc from "fast-check";
import protobuf from "protobufjs";
import { attachedBytesMin } from "../src/wire-writer.ts";

export const protoFolder: string = fileURLToPath(new URL("../../../proto/", import.meta.url));

const root = new protobuf.Root();
root.resolvePath = (_, target) => protoFolder + target;
root.loadSync(["varve/v1/admin.proto", "varve/v1/data.proto", "grpc/health/v1/health.proto"]).resolveAll();

/** A message type of varve.v1. */
export function messageType(name: string): protobuf.Type {
  return root.lookupType(`varve.v1.${name}`);
}

/** Decodes with protobufjs: int64 as numbers, defaults filled in. */
export function theirs(name: string, bytes: Uint8Array): Record<string, unknown> {
  const type = messageType(name);
  return type.toObject(type.decode(bytes), { longs: Number, defaults: true });
}

/** Encodes with protobufjs. */
export function encodeTheirs(name: string, message: object): Uint8Array {
  const type = messageType(name);
  return type.encode(type.fromObject(message)).finish();
}

export const topicIds: fc.Arbitrary<Uint8Array> = fc.uint8Array({ minLength: 16, maxLength: 16 });
export const offsets: fc.Arbitrary<number> = fc.oneof(fc.nat(1000), fc.maxSafeNat());
export const int32s: fc.Arbitrary<number> = fc.oneof(fc.nat(9), fc.integer());
export const uint32s: fc.Arbitrary<number> = fc.oneof(fc.nat(9), fc.nat(0xffff_ffff));
export const epochs: fc.Arbitrary<number | undefined> = fc.option(int32s, { nil: undefined });
export const batchBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.integer({ min: attachedBytesMin - 1, max: attachedBytesMin + 1 }).map((length) => new Uint8Array(length).fill(length & 255)),
);

export function textOf(topicId: Uint8Array): TopicId {
  return uuidToText(topicId) as TopicId;
}

/** Plain bytes, whatever kind of array they came in. */
export function plain(bytes: unknown): Uint8Array {
  return new Uint8Array(bytes as Uint8Array);
}

/** A message as it is on the wire. */
export function sent(message: OutgoingMessage): Uint8Array {
  return message instanceof Uint8Array ? message : plain(Buffer.concat(message));
}

/** One field of a message on the wire, tag included. */
function fieldsOf(message: Uint8Array): Uint8Array[] {
  const reader = new protobuf.Reader(message);
  const fields: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const begin = reader.pos;
    reader.skipType(reader.uint32() & 7);
    fields.push(message.subarray(begin, reader.pos));
  }
  return fields;
}

/**
 * The same message as another implementation may write it: its fields in another order (those of one number keep theirs), with unknown
 * fields between them, and each message that is a field treated so too. @param draw a number from 0 to `below` - 1.
 */
export function rearranged(type: protobuf.Type, message: Uint8Array, draw: (below: number) => number): Uint8Array {
  const queues = new Map<number, Uint8Array[]>();
  for (const field of fieldsOf(message)) {
    const tag = new protobuf.Reader(field).uint32();
    const inner = type.fieldsById[tag >>> 3]?.resolve().resolvedType;
    let bytes = field;
    if (inner instanceof protobuf.Type) {
      const reader = new protobuf.Reader(field);
      reader.uint32();
      bytes = new protobuf.Writer()
        .uint32(tag)
        .bytes(rearranged(inner, reader.bytes(), draw))
        .finish();
    }
    queues.set(tag, [...(queues.get(tag) ?? []), bytes]);
  }
  const out: Uint8Array[] = [];
  while (queues.size > 0) {
    if (draw(3) === 0) out.push(unknownField(draw));
    const tag = [...queues.keys()][draw(queues.size)]!;
    const queue = queues.get(tag)!;
    // A field that is not repeated may come several times; the last one counts.
    if (!type.fieldsById[tag >>> 3]!.repeated && draw(4) === 0) out.push(queue[0]!);
    out.push(queue.shift()!);
    if (queue.length === 0) queues.delete(tag);
  }
  return Buffer.concat(out);
}

function unknownField(draw: (below: number) => number): Uint8Array {
  const number = 100 + draw(100_000);
  const writer = new protobuf.Writer();
  switch (draw(5)) {
    case 0:
      return writer
        .uint32(number * 8)
        .uint64(draw(2 ** 31))
        .finish();
    case 1:
      return writer
        .uint32(number * 8 + 1)
        .fixed64(draw(2 ** 31))
        .finish();
    case 2:
      return writer
        .uint32(number * 8 + 2)
        .bytes(new Uint8Array(draw(20)))
        .finish();
    case 3:
      return writer
        .uint32(number * 8 + 3)
        .uint32(8)
        .uint32(7)
        .uint32(number * 8 + 4)
        .finish();
    default:
      return writer
        .uint32(number * 8 + 5)
        .fixed32(draw(2 ** 31))
        .finish();
  }
}

/** A message with some bytes changed, some lost and some added. */
export function damaged(messages: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  return fc.tuple(messages, edits, fc.nat(), fc.uint8Array({ maxLength: 4 })).map(([message, changes, cut, tail]) => {
    const bytes = Uint8Array.from([...message, ...tail]);
    for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
    return bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % (bytes.length + 1) : 0));
  });
}
