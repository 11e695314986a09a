// Standard output: gathered into large writes, waited for when the reader is slower, and given up quietly when the reader has gone.

import { Buffer } from "node:buffer";

/** Written out when so much has gathered. */
const gatheredBytesMax = 262_144;

export class Output {
  readonly #stream: NodeJS.WriteStream;
  #gathered: Buffer = Buffer.allocUnsafe(gatheredBytesMax);
  #used = 0;
  #mustWait = false;
  #waiter: (() => void) | undefined;

  /**
   * @param readerGone is called when nobody reads any more: what is written from then on has no effect.
   * @param failed is called when what was written cannot be kept: the disk under it is full, for one.
   */
  constructor(stream: NodeJS.WriteStream, readerGone: () => void, failed: (error: Error) => void) {
    this.#stream = stream;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") readerGone();
      else failed(error);
    });
    for (const event of ["drain", "close"]) {
      stream.on(event, () => {
        this.#mustWait = false;
        this.#waiter?.();
        this.#waiter = undefined;
      });
    }
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Takes a copy of the bytes. Call `ready` now and then. */
  write(bytes: Uint8Array): void {
    if (this.#used + bytes.length > gatheredBytesMax) this.#flush();
    if (bytes.length > gatheredBytesMax) {
      this.#send(Buffer.from(bytes));
      return;
    }
    this.#gathered.set(bytes, this.#used);
    this.#used += bytes.length;
  }

  /** A line of text. */
  print(line: string): void {
    this.write(Buffer.from(`${line}\n`));
  }

  /** A value as one line of JSON. */
  json(value: unknown): void {
    this.print(JSON.stringify(value));
  }

  /** Whether `ready` must be awaited before more is written. */
  get isFull(): boolean {
    return this.#mustWait;
  }

  /** Resolves when the reader has taken enough of what was written. One caller at a time. */
  async ready(): Promise<void> {
    if (!this.#mustWait || !this.#stream.writable) return;
    await new Promise<void>((resolve) => {
      this.#waiter = resolve;
    });
  }

  /** Hands on what has gathered; resolves when the system has it. */
  async flush(): Promise<void> {
    this.#flush();
    if (!this.#stream.writable) return;
    await new Promise<void>((resolve) => this.#stream.write("", () => resolve()));
  }

  #flush(): void {
    if (this.#used === 0) return;
    const whole = this.#gathered.subarray(0, this.#used);
    this.#gathered = Buffer.allocUnsafe(gatheredBytesMax);
    this.#used = 0;
    this.#send(whole);
  }

  #send(bytes: Buffer): void {
    if (this.#stream.writable && !this.#stream.write(bytes)) this.#mustWait = true;
  }
}
