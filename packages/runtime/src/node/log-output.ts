// Where finished lines leave the process. Writing never holds the loop, for a reader who has stopped reading must not stop a broker;
// at the process's end what is left goes out at once.

import { write, writeSync } from "node:fs";

/** What a slow reader may leave waiting here; lines past it are dropped. */
const waitingBytesMax = 1_048_576;

export class LogOutput {
  readonly #descriptor: number;
  #waiting = "";
  #state: "idle" | "scheduled" | "writing" | "broken" = "idle";

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** @param line with its line end. */
  write(line: string): void {
    if (this.#state === "broken" || this.#waiting.length + line.length > waitingBytesMax) return;
    this.#waiting += line;
    if (this.#state !== "idle") return;
    this.#state = "scheduled";
    setImmediate(() => this.#start()).unref();
  }

  /** Writes what waits before it returns. */
  flush(): void {
    const bytes = Buffer.from(this.#take());
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#descriptor, bytes, done);
    } catch {
      this.#state = "broken";
    }
  }

  #start(): void {
    const bytes = Buffer.from(this.#take());
    if (bytes.length === 0) this.#state = "idle";
    else this.#continue(bytes, 0);
  }

  #continue(bytes: Uint8Array, done: number): void {
    this.#state = "writing";
    write(this.#descriptor, bytes, done, (error, count) => {
      // Nobody reads the log any more, and there is nowhere to say so.
      if (error) this.#state = "broken";
      else if (done + count < bytes.length) this.#continue(bytes, done + count);
      else this.#start();
    });
  }

  #take(): string {
    const taken = this.#waiting;
    this.#waiting = "";
    return taken;
  }
}
