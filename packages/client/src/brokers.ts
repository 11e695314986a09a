// The brokers that the client has heard of, connections to those that are used, and look-ups that go to whichever answers.
// Which broker leads what is the metadata cache's to know.

import { ClusterError, type ErrorCode } from "@varve/model";
import { type Clock, type Entropy, sleep } from "@varve/runtime";
import {
  defaultGrpcLimits,
  type FetchCall,
  type FetchCallEvents,
  type GrpcCaller,
  type ProduceCall,
  type ProduceCallEvents,
} from "@varve/transport-grpc";
import { Backoff } from "./backoff.ts";
import { withDeadline } from "./deadline.ts";

/** Addresses that are remembered. */
export const brokersMax = 1_000;
/** Produce and fetch streams on one connection, which is what a server allows; the next one goes on a further connection. */
export const streamsPerConnectionMax: number = defaultGrpcLimits.dataStreamsPerConnectionMax;

/** An attempt ends after this part of the whole time, so that a broker that says nothing is not all that is waited for. */
const attemptsMin = 3;

/** One connection to one broker, as far as the client uses it. */
export type Connection = Pick<GrpcCaller, "address" | "admin" | "openProduce" | "openFetch" | "close">;

export interface BrokersOptions {
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** @param address `host:port` */
  readonly dial: (address: string) => Connection;
  /** At least one. */
  readonly bootstrap: readonly string[];
  readonly requestTimeoutMs: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMsMax: number;
}

/** Codes that say "ask another broker": this one is away, or on its way out. */
const elsewhereCodes: ReadonlySet<ErrorCode> = new Set([
  "NETWORK_EXCEPTION",
  "BROKER_NOT_AVAILABLE",
  "NOT_CONTROLLER",
  "REQUEST_TIMED_OUT",
]);

interface Line {
  readonly connection: Connection;
  streams: number;
}

export class Brokers {
  readonly #options: BrokersOptions;
  readonly #backoff: Backoff;
  readonly #lines = new Map<string, Line[]>();
  readonly #closing = new AbortController();
  #addresses: readonly string[];
  /** The one that look-ups go to. */
  #current: string;

  constructor(options: BrokersOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.entropy, options.retryBackoffMs, options.retryBackoffMsMax);
    this.#addresses = [...new Set(options.bootstrap)];
    this.#current = this.#addresses[options.entropy.u32() % this.#addresses.length]!;
  }

  /** Aborts when the client is closed. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** The broker that answered last: where changes go, which are not tried twice. */
  get current(): Connection {
    return this.at(this.#current);
  }

  /** @throws {ClusterError} INVALID_REQUEST when closed. */
  at(address: string): Connection {
    return this.#line(address, () => true).connection;
  }

  openProduce(address: string, events: ProduceCallEvents): ProduceCall {
    const line = this.#lineForStream(address);
    return line.connection.openProduce({
      ready: () => events.ready(),
      closed: (error) => this.#streamClosed(line, () => events.closed(error)),
    });
  }

  openFetch(address: string, events: FetchCallEvents, windowBytes: number): FetchCall {
    const line = this.#lineForStream(address);
    const told = {
      ready: () => events.ready(),
      closed: (error: ClusterError | undefined) => this.#streamClosed(line, () => events.closed(error)),
    };
    return line.connection.openFetch(told, windowBytes);
  }

  /** What the cluster says of itself. Addresses that are named nowhere any more are let go. */
  learn(addresses: readonly string[]): void {
    this.#addresses = [...new Set([...this.#options.bootstrap, ...addresses])].slice(0, brokersMax);
    for (const [address, lines] of this.#lines) {
      if (this.#addresses.includes(address)) continue;
      this.#lines.delete(address);
      for (const { connection } of lines) void connection.close();
    }
  }

  /**
   * Asks one broker after the other until one answers; a failure that may pass is tried again, after a pause once all were asked.
   *
   * @param call without lasting effect, since it may be carried out several times.
   * @throws {ClusterError} what the last broker said, or REQUEST_TIMED_OUT; the signal's reason.
   */
  lookUp<T>(what: string, call: (connection: Connection, signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.retry(
      what,
      async (within) => {
        try {
          return await call(this.current, within);
        } catch (error) {
          if (error instanceof ClusterError && elsewhereCodes.has(error.code)) this.#turnToNext();
          throw error;
        }
      },
      signal,
      this.#addresses.length,
    );
  }

  /**
   * Repeats `attempt` while it fails in a way that may pass and there is time. An attempt that knows better throws a `FinalError`.
   *
   * @param rush attempts that are made before each pause.
   * @throws as `lookUp`.
   */
  async retry<T>(what: string, attempt: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined, rush = 1): Promise<T> {
    const { clock, requestTimeoutMs } = this.#options;
    let last: ClusterError | undefined;
    const attempts = async (within: AbortSignal): Promise<T> => {
      for (let failures = 1; ; failures += 1) {
        try {
          return await withDeadline(clock, requestTimeoutMs / attemptsMin, what, within, attempt);
        } catch (error) {
          if (error instanceof FinalError) throw error.cause;
          if (within.aborted || !(error instanceof ClusterError) || !mayPass(error)) throw error;
          last = error;
        }
        if (failures % rush === 0) await sleep(clock, this.#backoff.delayMs(failures / rush), within);
      }
    };
    try {
      return await withDeadline(clock, requestTimeoutMs, what, this.#orClosed(signal), attempts);
    } catch (error) {
      const isOwnDeadline = error instanceof ClusterError && error.code === "REQUEST_TIMED_OUT" && error !== last;
      // What was last answered says more than that the time was up.
      if (!isOwnDeadline || last === undefined) throw error;
      throw new ClusterError(last.code, `${what}: given up after ${requestTimeoutMs} ms: ${last.message}`, { cause: last });
    }
  }

  /** Makes one attempt at the broker that answered last: for what must not be done twice unasked. @throws as `lookUp`. */
  once<T>(what: string, call: (connection: Connection, signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const { clock, requestTimeoutMs } = this.#options;
    return withDeadline(clock, requestTimeoutMs, what, this.#orClosed(signal), (within) => call(this.current, within));
  }

  /** Ends all connections and what waits on them. */
  async close(): Promise<void> {
    this.#closing.abort(closedError());
    const lines = [...this.#lines.values()].flat();
    this.#lines.clear();
    await Promise.all(lines.map(({ connection }) => connection.close()));
  }

  #line(address: string, fits: (line: Line) => boolean): Line {
    if (this.#closing.signal.aborted) throw closedError();
    const lines = this.#lines.get(address) ?? [];
    const known = lines.find(fits);
    if (known !== undefined) return known;
    const line: Line = { connection: this.#options.dial(address), streams: 0 };
    this.#lines.set(address, [...lines, line]);
    return line;
  }

  #lineForStream(address: string): Line {
    const line = this.#line(address, ({ streams }) => streams < streamsPerConnectionMax);
    line.streams += 1;
    return line;
  }

  #streamClosed(line: Line, tell: () => void): void {
    line.streams -= 1;
    tell();
  }

  #turnToNext(): void {
    const at = this.#addresses.indexOf(this.#current);
    this.#current = this.#addresses[(at + 1) % this.#addresses.length]!;
  }

  #orClosed(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
  }
}

/** Around a failure that is not worth another attempt, whatever its code says in general. */
export class FinalError extends Error {
  override readonly name = "FinalError";

  constructor(cause: unknown) {
    super("not worth another attempt", { cause });
  }
}

function mayPass(error: ClusterError): boolean {
  return error.retriable || elsewhereCodes.has(error.code);
}

export function closedError(): ClusterError {
  return new ClusterError("INVALID_REQUEST", "the connection to the cluster is closed");
}
