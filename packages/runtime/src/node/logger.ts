// Diagnostics through pino: a line of JSON each, with ISO time. Loading pino takes longer than all lines of a start together, so
// the first lines wait until the start is over, a warning comes, or the process ends. The terminal's form is log-line.ts.

import { createRequire } from "node:module";
import type { Logger as Pino, pino } from "pino";
import type { LogFields, Logger } from "../logger.ts";
import { terminalLine } from "./log-line.ts";
import { LogOutput } from "./log-output.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogOptions {
  readonly level: LogLevel;
  /** 1 for stdout, 2 for stderr. */
  readonly descriptor: 1 | 2;
  /** Lines for a person instead of JSON. For a terminal only. */
  readonly pretty?: boolean;
}

export interface NodeLogger extends Logger {
  /** Hands everything that was logged to the operating system, before it returns. */
  flush(): void;
}

/** How long the first lines may wait for pino. */
const patienceMs = 500;
/** Lines that may wait for pino; one more loads it. */
const waitingLinesMax = 100;

interface Line {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
  readonly wallMs: number;
}

/** Where the lines of one process go: kept at first, then given to pino. */
class Sink {
  readonly #options: LogOptions;
  readonly #output: LogOutput;
  #lines: Line[] = [];
  #pino: Pino | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lineMs = 0;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#output = new LogOutput(options.descriptor);
    process.once("exit", () => this.flush());
  }

  put(line: Line): void {
    if (logLevels.indexOf(line.level) < logLevels.indexOf(this.#options.level)) return;
    if (this.#pino !== undefined) {
      this.#log(this.#pino, line);
      return;
    }
    this.#lines.push(line);
    if (line.level === "warn" || line.level === "error" || this.#lines.length > waitingLinesMax) this.#load();
    else this.#timer ??= setTimeout(() => this.#load(), patienceMs).unref();
  }

  flush(): void {
    if (this.#lines.length > 0) this.#load();
    this.#output.flush();
  }

  #load(): void {
    clearTimeout(this.#timer);
    const load = createRequire(import.meta.url)("pino") as typeof pino;
    const { level, pretty } = this.#options;
    const output = this.#output;
    const instance = load(
      { level, base: { pid: process.pid }, timestamp: () => `,"time":"${new Date(this.#lineMs).toISOString()}"` },
      pretty ? { write: (json) => output.write(terminalLine(json)) } : output,
    );
    this.#pino = instance;
    for (const line of this.#lines) this.#log(instance, line);
    this.#lines = [];
  }

  #log(instance: Pino, line: Line): void {
    this.#lineMs = line.wallMs;
    instance[line.level](line.fields, line.message);
  }
}

class BoundLogger implements NodeLogger {
  readonly #sink: Sink;
  readonly #bound: LogFields;

  constructor(sink: Sink, bound: LogFields) {
    this.#sink = sink;
    this.#bound = bound;
  }

  debug(message: string, fields?: LogFields): void {
    this.#put("debug", message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#put("info", message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#put("warn", message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#put("error", message, fields);
  }
  with(fields: LogFields): NodeLogger {
    return new BoundLogger(this.#sink, { ...this.#bound, ...plain(fields) });
  }
  flush(): void {
    this.#sink.flush();
  }

  #put(level: LogLevel, message: string, fields: LogFields | undefined): void {
    this.#sink.put({ level, message, fields: fields ? { ...this.#bound, ...plain(fields) } : this.#bound, wallMs: Date.now() });
  }
}

/** Errors have no JSON of their own: the stack names the kind, the message and the place, the causes follow. */
function plain(fields: LogFields): LogFields {
  const result: Record<string, string | number | boolean | undefined> = {};
  for (const [name, value] of Object.entries(fields)) result[name] = value instanceof Error ? stacks(value) : value;
  return result;
}

function stacks(error: Error): string {
  const stack = error.stack ?? `${error.name}: ${error.message}`;
  return error.cause instanceof Error ? `${stack}\ncaused by ${stacks(error.cause)}` : stack;
}

export function nodeLogger(options: LogOptions): NodeLogger {
  return new BoundLogger(new Sink(options), {});
}
