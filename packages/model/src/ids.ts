// Identities: topics, partitions, brokers, and the UUIDs behind them in Kafka's 22-character text.

declare const topicIdBrand: unique symbol;

/** A topic's identity: 16 bytes as 22 characters of base64url. Never reused, also not by a topic of the same name. */
export type TopicId = string & { readonly [topicIdBrand]: true };

/** A broker's or controller's number in the cluster, 0 to 2^31 - 1. */
export type NodeId = number;

/** One partition of one topic, by identity. */
export interface PartitionId {
  readonly topicId: TopicId;
  readonly partition: number;
}

/** The key of a partition in maps and on disk: `<topic id>-<partition>`. */
export function partitionKey(id: PartitionId): string {
  return `${id.topicId}-${id.partition}`;
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const digitOf: ReadonlyMap<string, number> = new Map([...alphabet].map((letter, digit) => [letter, digit]));

/** 16 bytes → 22 characters of unpadded base64url, as Kafka prints a UUID. @throws {RangeError} on another length. */
export function uuidToText(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new RangeError(`a UUID has 16 bytes, not ${bytes.length}`);
  let text = "";
  for (let at = 0; at < 16; at += 3) {
    const [a, b, c] = [bytes[at]!, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0];
    text += alphabet[a >> 2]! + alphabet[((a & 3) << 4) | (b >> 4)]!;
    if (at + 1 < 16) text += alphabet[((b & 15) << 2) | (c >> 6)]! + alphabet[c & 63]!;
  }
  return text;
}

/** The inverse of `uuidToText`. @throws {RangeError} when the text is not 22 characters of base64url for 16 bytes. */
export function uuidFromText(text: string): Uint8Array {
  if (text.length !== 22) throw new RangeError(`a UUID has 22 characters, not ${text.length}`);
  const bytes = new Uint8Array(16);
  let bits = 0;
  let held = 0;
  let at = 0;
  for (const letter of text) {
    const digit = digitOf.get(letter);
    if (digit === undefined) throw new RangeError(`"${letter}" is not a character of base64url`);
    bits = ((bits & 0xffff) << 6) | digit;
    held += 6;
    if (held >= 8) {
      held -= 8;
      bytes[at] = (bits >> held) & 0xff;
      at += 1;
    }
  }
  if ((bits & 0xf) !== 0) throw new RangeError(`"${text}" has bits behind its 16 bytes`);
  return bytes;
}

/** @throws {RangeError} as `uuidFromText`. */
export function toTopicId(text: string): TopicId {
  uuidFromText(text);
  return text as TopicId;
}
