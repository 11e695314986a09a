// Record batches as bytes: build, check, stamp, walk, read. Codecs and checksums come in through the compression port of the model.

export {
  BatchBuilder,
  type BatchLimits,
  type FinishOptions,
  type HeaderField,
  type RecordField,
  recordBytesBound,
} from "./batch-builder.ts";
export {
  buildControlBatch,
  buildEndTransactionMarker,
  type ControlBatchPlace,
  type ControlRecord,
  type ControlType,
  controlTypes,
  type EndTransactionMarker,
  readControlBatch,
  type TransactionOutcome,
} from "./control-batch.ts";
export { crc32c, crc32cInScript } from "./crc32c.ts";
export * from "./header.ts";
export { batchHeaderBytes, batchLengthOffsetBytes } from "./layout.ts";
export { murmur2, partitionForKey } from "./murmur2.ts";
export {
  decompressedBytesMax,
  decompressedFreeBytes,
  decompressedRatioMax,
  type LogRecord,
  type OpenOptions,
  type RecordHeader,
  RecordReader,
  readRecords,
} from "./record-reader.ts";
export { sequenceMinus, sequencePlus } from "./sequence.ts";
export { checkProducedBatch, checkStoredBatch, type ProduceBounds, type WalkEnd, walkBatches } from "./validate.ts";
