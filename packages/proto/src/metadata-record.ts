// Records of the metadata log as bytes. What they mean is packages/metadata.

import { type MessageCodec, messageCodec } from "./codec.ts";
import type { MetadataRecord, MetadataRecordInput } from "./contract.gen.ts";
import { messages } from "./metadata.gen.ts";

const codec: MessageCodec<MetadataRecordInput, MetadataRecord> = messageCodec(messages.MetadataRecord, "MetadataRecord");

/** The bytes are fresh. */
export function encodeMetadataRecord(record: MetadataRecordInput): Uint8Array {
  return codec.encode(record);
}

/** `kind` names the field that is set; it is absent for a kind that this version does not know. @throws {ClusterError} as `MessageCodec.decode`. */
export function decodeMetadataRecord(bytes: Uint8Array): MetadataRecord {
  return codec.decode(bytes);
}
