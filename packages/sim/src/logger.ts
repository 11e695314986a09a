// The diagnostics of a node, kept in memory for the test that wants to read them.

import type { LogFields, Logger } from "@varve/runtime";
import type { Life } from "./life.ts";

/** The oldest lines go when there are more. */
const linesMax = 1_000;

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogLine {
  /** Time of the world. */
  readonly timeMs: number;
  readonly life: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** The lines of one node, all its lives. */
export class LogBook {
  readonly #lines: LogLine[] = [];

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  add(line: LogLine): void {
    if (this.#lines.length === linesMax) this.#lines.shift();
    this.#lines.push(line);
  }

  /** One line of text each: time, life, level, message, fields. */
  text(): string {
    return this.#lines
      .map(({ timeMs, life, level, message, fields }) => {
        const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${value instanceof Error ? value.message : value}`);
        return `${timeMs.toFixed(3)} ms  life ${life}  ${level}  ${message}${pairs.join("")}`;
      })
      .join("\n");
  }
}

/** The logger port of one life; a dead one writes nothing. */
export class SimLogger implements Logger {
  readonly #life: Life;
  readonly #book: LogBook;
  readonly #fields: LogFields;

  constructor(life: Life, book: LogBook, fields: LogFields = {}) {
    this.#life = life;
    this.#book = book;
    this.#fields = fields;
  }

  debug(message: string, fields?: LogFields): void {
    this.#add("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#add("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#add("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#add("error", message, fields);
  }

  with(fields: LogFields): Logger {
    return new SimLogger(this.#life, this.#book, { ...this.#fields, ...fields });
  }

  #add(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.#life.alive) return;
    const { scheduler, number } = this.#life;
    this.#book.add({ timeMs: scheduler.nowMs, life: number, level, message, fields: { ...this.#fields, ...fields } });
  }
}
