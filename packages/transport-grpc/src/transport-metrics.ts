// What a listener counts. Labels take the values that stand here and no others.

import type { Counter, Metrics } from "@varve/runtime";

export type ServedMethod = "produce" | "fetch" | "admin" | "health";
export type RefusalReason = "malformed" | "credit" | "memory" | "in-flight" | "streams" | "idle" | "stalled";

export interface TransportMetrics {
  readonly requests: Counter<"method">;
  readonly receivedBytes: Counter<"method">;
  readonly sentBytes: Counter<"method">;
  /** Requests refused and streams ended because their client broke a rule or a limit. */
  readonly refusals: Counter<"reason">;
}

export function transportMetrics(
  metrics: Metrics,
  gauges: { streams(): number; connections(): number; heldBytes(): number },
): TransportMetrics {
  metrics.gauge({ name: "varve_grpc_streams", help: "Open streams." }, gauges.streams);
  metrics.gauge({ name: "varve_grpc_connections", help: "Connections that have an open stream." }, gauges.connections);
  metrics.gauge({ name: "varve_grpc_produce_held_bytes", help: "Bytes of produce requests that are unanswered." }, gauges.heldBytes);
  return {
    requests: metrics.counter({ name: "varve_grpc_requests_total", help: "Requests taken.", labels: ["method"] }),
    receivedBytes: metrics.counter({ name: "varve_grpc_received_bytes_total", help: "Bytes of messages received.", labels: ["method"] }),
    sentBytes: metrics.counter({ name: "varve_grpc_sent_bytes_total", help: "Bytes of messages sent.", labels: ["method"] }),
    refusals: metrics.counter({
      name: "varve_grpc_refusals_total",
      help: "Requests refused and streams ended because their client broke a rule or a limit.",
      labels: ["reason"],
    }),
  };
}
