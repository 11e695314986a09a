// gRPC's health service: whether this server wants calls, to be asked (Check) or watched (Watch). The owner of the process says so.

import { healthMethods, servingStatus } from "@varve/proto";
import type { IncomingStream } from "@varve/runtime";
import { drainingMessage, type ServedContext, type ServedStream } from "./served-stream.ts";
import { failedStatus, toClusterError } from "./status.ts";
import type { Answer } from "./unary-call.ts";

/** Services that can be asked for; "" is the server as a whole. */
const services: ReadonlySet<string> = new Set(["", "varve.v1.Data", "varve.v1.Admin"]);

/** What a process says about itself. It does not serve until it says so. */
export class Health {
  readonly #watchers = new Set<() => void>();
  #isServing = false;

  get isServing(): boolean {
    return this.#isServing;
  }

  set(isServing: boolean): void {
    if (this.#isServing === isServing) return;
    this.#isServing = isServing;
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** @returns what ends the watching. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

function statusOf(health: Health): 1 | 2 {
  return health.isServing ? servingStatus.SERVING : servingStatus.NOT_SERVING;
}

/** Check: one service's status; NOT_FOUND for a service that is not here, as gRPC's health protocol has it. */
export function checkHealth(health: Health): Answer {
  return (request) => {
    const { service } = healthMethods.Check.request.decode(request);
    if (!services.has(service))
      return { status: "NOT_FOUND", message: `there is no service ${JSON.stringify(service.slice(0, 100))} here` };
    return healthMethods.Check.response.encode({ status: statusOf(health) });
  };
}

/** Watch: the status now, then each change of it, until the caller has enough. */
export class HealthWatch implements ServedStream {
  readonly #stream: IncomingStream;
  readonly #context: ServedContext;
  readonly #onClosed: (stream: ServedStream) => void;
  readonly #health: Health;
  #stop: (() => void) | undefined;
  #state: "open" | "finished" = "open";

  constructor(stream: IncomingStream, context: ServedContext, onClosed: (stream: ServedStream) => void, health: Health) {
    this.#stream = stream;
    this.#context = context;
    this.#onClosed = onClosed;
    this.#health = health;
  }

  message(bytes: Uint8Array): void {
    if (this.#state === "finished" || this.#stop !== undefined) return;
    try {
      const { service } = healthMethods.Watch.request.decode(bytes);
      this.#stop = services.has(service) ? this.#health.watch(() => this.#send(statusOf(this.#health))) : () => {};
      this.#send(services.has(service) ? statusOf(this.#health) : servingStatus.SERVICE_UNKNOWN);
    } catch (error) {
      const { code, message } = toClusterError(error);
      this.#state = "finished";
      this.#stream.finish(failedStatus(code, message));
    }
  }

  /** Changes are rare and small: what a slow watcher does not take stays in the transport. */
  room(): void {}

  /** A caller of a server stream has said all with its first message. */
  ended(): void {}

  closed(): void {
    this.#state = "finished";
    this.#stop?.();
    this.#onClosed(this);
  }

  drain(): void {
    if (this.#state === "finished") return;
    this.#state = "finished";
    this.#stop?.();
    this.#stream.finish({ status: "UNAVAILABLE", message: drainingMessage });
  }

  /** A watch may be silent for as long as nothing changes. */
  sweep(): void {}

  #send(status: 1 | 2 | 3): void {
    if (this.#state === "finished") return;
    const message = healthMethods.Watch.response.encode({ status });
    this.#context.metrics.sentBytes.add(message.length, { method: "health" });
    this.#stream.write(message);
  }
}
