// Checksums and codecs as a port: record batches need them, the platform has them.

/** Codecs by Kafka's number in a batch's attributes, bits 0–2. */
export const codecs = ["none", "gzip", "snappy", "lz4", "zstd"] as const;
export type Codec = (typeof codecs)[number];

export interface Compression {
  /** CRC-32C (Castagnoli) of `bytes`, unsigned. Source: RFC 3720, appendix B.4. */
  crc32c(bytes: Uint8Array): number;
  /** @returns fresh bytes in Kafka's framing of `codec`. */
  compress(codec: Exclude<Codec, "none">, bytes: Uint8Array): Uint8Array;
  /**
   * @param outputBytesMax the output is cut off there: no input makes this call hold more than that.
   * @throws {DecompressionError} on damaged input, trailing bytes, or an output over `outputBytesMax`.
   */
  decompress(codec: Exclude<Codec, "none">, bytes: Uint8Array, outputBytesMax: number): Uint8Array;
}

export class DecompressionError extends Error {
  override readonly name = "DecompressionError";
  readonly kind: "damaged" | "too-large";
  constructor(kind: "damaged" | "too-large", message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}
