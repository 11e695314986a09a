// One record as a consumer sees it. Key, value and header values are views of the answer that brought them, until somebody wants text.

import type { Offset } from "@varve/model";
import type { RecordHeader } from "@varve/record";

const decoder = new TextDecoder();

export class ConsumerRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: Offset;
  /** Milliseconds since the Unix epoch; -1 is "no time". */
  readonly timestamp: number;
  /** A view: it keeps the whole answer in memory as long as it is held. Copy what must outlive the loop. */
  readonly key: Uint8Array | null;
  /** As `key`. `null` is a deletion in a compacted topic. */
  readonly value: Uint8Array | null;
  /** In their order; keys may repeat. */
  readonly headers: readonly RecordHeader[];

  constructor(
    topic: string,
    partition: number,
    offset: Offset,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RecordHeader[],
  ) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.timestamp = timestamp;
    this.key = key;
    this.value = value;
    this.headers = headers;
  }

  /** The value as UTF-8; "" for null. */
  text(): string {
    return this.value === null ? "" : decoder.decode(this.value);
  }

  /** The key as UTF-8; undefined for null. */
  keyText(): string | undefined {
    return this.key === null ? undefined : decoder.decode(this.key);
  }

  /** The value as JSON. @throws {SyntaxError} when it is none. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }

  /** The first header of that name as UTF-8; undefined when there is none. */
  header(key: string): string | undefined {
    const value = this.headers.find((header) => header.key === key)?.value;
    return value === undefined || value === null ? undefined : decoder.decode(value);
  }
}
