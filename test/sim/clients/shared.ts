// What the clients of one simulation share: the history, the numbers that are given out once, the topics as far as they are known to exist,
// and whether it is time to come to an end.

import type { TopicId } from "@varve/model";
import type { World } from "@varve/sim";
import type { History, Operation, Value } from "../../workload/history.ts";
import type { Configuration } from "../configuration.ts";
import type { Topics } from "./topics.ts";

export interface Shared {
  readonly world: World;
  readonly history: History;
  readonly configuration: Configuration;
  readonly topics: Topics;
  /** The time that each record was sent with, where its topic keeps it. */
  readonly timestamps: Map<Value, number>;
  /** Whether bits of this partition have turned on the disk. */
  isDamaged(topicId: TopicId, partition: number): boolean;
  /** An error of the product: the seed has failed. */
  report(what: string): void;
  nextProcess(): number;
  nextProducer(): number;
  nextValue(): number;
  /** A topic is about to be made or deleted. */
  topicChanges(): void;
  /** Clients begin no new operation any more. */
  isOver(): boolean;
  /** An operation has come to its end. */
  count(): void;
}

/** Notes what an operation came to. */
export function complete(shared: Shared, process: number, type: "ok" | "fail" | "info", operation: Operation, error?: unknown): void {
  const text = error === undefined ? undefined : error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  shared.history.add(process, type, operation, text);
  shared.world.trace.count(`operation.${operation.f}.${type}`);
  shared.count();
}

export function begin(shared: Shared, process: number, operation: Operation): void {
  shared.history.add(process, "invoke", operation);
}
