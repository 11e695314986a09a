// Where each field of a record batch's header stands, and what its attribute bits mean. Reading and writing the fields is header.ts.
// All numbers are big-endian. A test reads the drawing and holds it against the constants below.
//
//  byte  field                 type    meaning
//     0  baseOffset            int64   offset of the first record; stamped by the leader, outside the checksum
//     8  batchLength           int32   bytes behind this field: the size of the batch minus 12
//    12  partitionLeaderEpoch  int32   epoch of the leader that appended it; stamped by the leader, outside the checksum
//    16  magic                 int8    2
//    17  crc                   uint32  CRC-32C of everything from byte 21 to the end
//    21  attributes            int16   bits 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
//    23  lastOffsetDelta       int32   last offset minus base offset; compaction leaves it as it was
//    27  baseTimestamp         int64   what the records' timestamp deltas count from; with bit 6 the delete horizon
//    35  maxTimestamp          int64   the latest timestamp; with bit 3 the time of the append, and every record's time
//    43  producerId            int64   -1 is none
//    51  producerEpoch         int16   -1 is none
//    53  baseSequence          int32   sequence of the first record, -1 is none
//    57  recordCount           int32   records behind the header; 0 once compaction has emptied the batch
//    61  records               bytes   the records, or one compressed blob of them

export const baseOffsetAt = 0;
export const batchLengthAt = 8;
export const partitionLeaderEpochAt = 12;
export const magicAt = 16;
export const crcAt = 17;
export const attributesAt = 21;
export const lastOffsetDeltaAt = 23;
export const baseTimestampAt = 27;
export const maxTimestampAt = 35;
export const producerIdAt = 43;
export const producerEpochAt = 51;
export const baseSequenceAt = 53;
export const recordCountAt = 57;
export const recordsAt = 61;

/** Size of a batch's header, and of the smallest batch. */
export const batchHeaderBytes = 61;
/** `batchLength` counts from behind itself. */
export const batchLengthOffsetBytes = 12;
/** The checksum covers a batch from here to its end. */
export const checksummedAt = 21;
/** The smallest record: seven fields of one byte. */
export const recordBytesMin = 7;
export const magicValue = 2;

/** Bits of `attributes`. */
export const codecMask = 0x07;
export const logAppendTimeBit = 0x08;
export const transactionalBit = 0x10;
export const controlBit = 0x20;
export const deleteHorizonBit = 0x40;
export const unknownAttributeBits = 0xff80;

/** What "none" is in `producerId`, `producerEpoch`, `baseSequence`, and a record without a time. */
export const none = -1;
