// The messages of the produce stream as protobufjs reads them, out of the contract's own .proto file: for those who watch a stream from
// outside, with none of our code.

import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const contract = protobuf.loadSync(fileURLToPath(new URL("../../proto/varve/v1/data.proto", import.meta.url)));
const request = contract.lookupType("varve.v1.ProduceRequest");
const response = contract.lookupType("varve.v1.ProduceResponse");

export const produceMethod = "/varve.v1.Data/Produce";
/** The number of acks "all". */
export const acksAll = 0;

export interface RequestMessage {
  readonly correlation: number;
  readonly acks: number;
  readonly entries: readonly { readonly topicId: Uint8Array; readonly partition: number; readonly batch: Uint8Array }[];
}

export interface AnswerMessage {
  readonly correlation: number;
  readonly results: readonly { readonly errorCode: number }[];
}

export function decodeRequest(bytes: Uint8Array): RequestMessage {
  return request.decode(bytes) as unknown as RequestMessage;
}

export function decodeAnswers(bytes: Uint8Array): readonly AnswerMessage[] {
  return (response.decode(bytes) as unknown as { readonly answers: readonly AnswerMessage[] }).answers;
}
