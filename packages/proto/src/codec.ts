// One message of the contract to bytes and back: the generated functions behind one type, with one error for bytes that are no message.
// Sizes are bounded by who receives (a transport's limit, a store's record), depth by protobufjs (100).

import { ClusterError } from "@varve/model";
import protobuf from "protobufjs/minimal.js";

export interface MessageCodec<Input, Output> {
  /** Absent fields and defaults cost nothing. The bytes are fresh. */
  encode(message: Input): Uint8Array;
  /**
   * Unknown fields are skipped, absent ones have their defaults. `bytes` fields are views into `message`; an int64 beyond ±2^53 loses
   * digits and then is no safe integer: whoever takes one checks.
   * @throws {ClusterError} INVALID_REQUEST when `message` is no message of this kind.
   */
  decode(message: Uint8Array): Output;
}

/** What generate.ts makes for a message. */
interface GeneratedMessage {
  encode(message: object): { finish(): Uint8Array };
  decode(reader: protobuf.Reader): object;
  toObject(message: object, options: protobuf.IConversionOptions): object;
}

const plainForm: protobuf.IConversionOptions = { longs: Number, defaults: true, oneofs: true };

/** @param generated an export of a `*.gen.ts` codec file. @param name for the error's message. */
export function messageCodec<Input extends object, Output extends object>(generated: unknown, name: string): MessageCodec<Input, Output> {
  const kind = generated as GeneratedMessage;
  return {
    encode: (message) => kind.encode(message).finish(),
    decode(message) {
      try {
        // The plain reader, also for a Buffer: protobufjs's reader of Buffers takes a string that is cut off for a whole one.
        return kind.toObject(kind.decode(new protobuf.Reader(message)), plainForm) as Output;
      } catch (error) {
        throw new ClusterError("INVALID_REQUEST", `not a ${name}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    },
  };
}
