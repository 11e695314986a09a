// How far a stream of records has come: a line that renews itself where a person is watching, and a summary at the end.

import process from "node:process";
import { grouped, sized } from "./table.ts";

const renewMs = 200;

export interface Done {
  readonly records: number;
  readonly bytes: number;
}

export class Progress {
  readonly #startedMs: number = performance.now();
  readonly #timer: NodeJS.Timeout | undefined;

  /** @param isShown false for none of it. @param done is asked whenever the line is renewed. */
  constructor(isShown: boolean, done: () => Done) {
    if (!isShown || process.stderr.isTTY !== true) return;
    this.#timer = setInterval(() => process.stderr.write(`\r\u001b[K${this.describe(done())}`), renewMs);
  }

  get seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** `1,000 records, 3.00 MB in 1.2 s (833 records/s, 2.50 MB/s)` */
  describe({ records, bytes }: Done): string {
    const { seconds } = this;
    const rate = seconds > 0 ? ` (${grouped(records / seconds)} records/s, ${sized(bytes / seconds)}/s)` : "";
    return `${grouped(records)} ${records === 1 ? "record" : "records"}, ${sized(bytes)} in ${seconds.toFixed(1)} s${rate}`;
  }

  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    process.stderr.write("\r\u001b[K");
  }
}
