// Text as UTF-8 without an array for each piece: a stage on which it is encoded before its place and size are known, and the way back.
// Short text goes letter by letter, the rest through the platform.

const encoder = new TextEncoder();
// A byte order mark at the front of a name belongs to the name.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Up to here a loop over the letters costs less than a call of the platform. */
const loopLengthMax = 16;
export const utf8BytesPerUnitMax = 3;
/** What a stage keeps between uses; a longer text makes it grow for the moment. */
const stageKeptBytesMax = 65_536;

/** Scratch memory: filled from the front, then copied elsewhere, within one call of its owner. */
export class Stage {
  bytes: Uint8Array = new Uint8Array(0);
  /** Everything before it is filled. */
  at = 0;

  /** Empties the stage, and lets go of what an unusually long text had made it take. */
  clear(): void {
    this.at = 0;
    if (this.bytes.length > stageKeptBytesMax) this.bytes = new Uint8Array(0);
  }

  /** Makes room for `more` bytes behind `at`. */
  reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(4096, 2 * this.bytes.length, this.at + more));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  /** Adds `text`; a lone surrogate becomes U+FFFD. @returns how many bytes it took. */
  putText(text: string): number {
    const { length } = text;
    this.reserve(length * utf8BytesPerUnitMax);
    const { bytes, at } = this;
    if (length <= loopLengthMax) {
      let index = 0;
      for (; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit > 0x7f) break;
        bytes[at + index] = unit;
      }
      if (index === length) {
        this.at = at + length;
        return length;
      }
    }
    const { written } = encoder.encodeInto(text, at === 0 ? bytes : bytes.subarray(at));
    this.at = at + written;
    return written;
  }
}

/** @returns `bytes[from, to)` as text; what is no UTF-8 becomes U+FFFD. */
export function readUtf8(bytes: Uint8Array, from: number, to: number): string {
  if (to - from <= loopLengthMax) {
    let text = "";
    let at = from;
    for (; at < to; at++) {
      const byte = bytes[at]!;
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (at === to) return text;
  }
  return decoder.decode(bytes.subarray(from, to));
}
