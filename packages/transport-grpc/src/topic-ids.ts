// Topic ids between their 16 bytes on the wire and our text, remembered: the hot path makes no string and no bytes per batch.

import { type TopicId, uuidFromText, uuidToText } from "@varve/model";

/** Ids remembered in each direction. A larger set only costs the conversion. */
export const topicIdsRememberedMax = 256;

const idLength = 16;

export class TopicIds {
  readonly #texts = new Array<{ readonly bytes: Uint8Array; readonly text: TopicId } | undefined>(topicIdsRememberedMax).fill(undefined);
  readonly #bytes = new Map<TopicId, Uint8Array>();

  /** @param bytes 16 of them; not kept. @returns the same string for the same id as long as it is remembered; undefined for another length. */
  text(bytes: Uint8Array): TopicId | undefined {
    if (bytes.length !== idLength) return undefined;
    // Ids are random, so one byte of them is a hash; the last one, since a hand-made id counts there.
    const slot = bytes[idLength - 1]! % topicIdsRememberedMax;
    const known = this.#texts[slot];
    if (known !== undefined && equal(known.bytes, bytes)) return known.text;
    const text = uuidToText(bytes) as TopicId;
    this.#texts[slot] = { bytes: bytes.slice(), text };
    return text;
  }

  /** Not to be changed. */
  bytes(text: TopicId): Uint8Array {
    const known = this.#bytes.get(text);
    if (known !== undefined) return known;
    if (this.#bytes.size >= topicIdsRememberedMax) this.#bytes.clear();
    const bytes = uuidFromText(text);
    this.#bytes.set(text, bytes);
    return bytes;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = 0; at < idLength; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
