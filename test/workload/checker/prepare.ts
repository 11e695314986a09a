// A history as the checks want it: each operation whole, each send and each read on its own, and what could have undone it.
// It judges nothing.

import type { Acks } from "@varve/api";
import type { From, HistoryEvent, Key, KeyRules, Operation, OperationOf, SendOutcome, Value } from "../history.ts";

/** Places in the history: `invoked` < `completed`; Infinity when it never completed. */
export interface Span {
  readonly invoked: number;
  readonly completed: number;
}

export type Call = Span & {
  readonly process: number | "nemesis";
  readonly type: "ok" | "fail" | "info";
  readonly operation: Operation;
};

export type CallOf<F extends Operation["f"]> = Call & { readonly operation: OperationOf<F> };

/** What undoes a promise: nothing; the loss of power; any death. */
export type Undoer = "nothing" | "power-cut" | "any-death";

export interface SentValue extends Span {
  readonly value: Value;
  readonly key: Key;
  readonly offset: number | null;
  readonly outcome: SendOutcome;
  readonly isPlaced?: boolean;
  readonly timestampMs?: number;
  readonly acks: Acks;
  readonly isIdempotent: boolean;
  readonly producer: number;
  /** Numbers the calls of the history; equal for values of one send. */
  readonly call: number;
  /** What can undo the acknowledgement, when there was one. */
  readonly undoneBy: Undoer;
}

/** One consumer from its assignment on. */
export interface Consumer extends Span {
  readonly process: number | "nemesis";
  readonly keys: readonly Key[];
  readonly from: From;
  readonly reads: readonly ReadValue[];
  readonly skips: readonly OperationOf<"skip">[];
}

export interface ReadValue {
  readonly key: Key;
  readonly offset: number;
  readonly value: Value;
  /** When it may have been fetched first: the consumer's assignment. */
  readonly invoked: number;
  readonly completed: number;
  readonly isOk: boolean;
  readonly isFinal: boolean;
  /** Numbers the polls of a consumer. */
  readonly poll: number;
  readonly undoneBy: Undoer;
}

export interface KeyState extends KeyRules {
  /** When its topic existed at the latest. */
  readonly created: number;
  /** When somebody first asked to delete it; Infinity when nobody did. */
  readonly deleteInvoked: number;
  /** When it was gone for sure. */
  readonly deleted: number;
  /** It was synced before each answer, all the time. */
  readonly isAlwaysDurable: boolean;
}

export interface Prepared {
  readonly calls: readonly Call[];
  readonly keys: ReadonlyMap<Key, KeyState>;
  readonly sends: ReadonlyMap<Value, SentValue>;
  readonly consumers: readonly Consumer[];
  readonly reads: readonly ReadValue[];
  /** Whether something that undoes such a promise happened in the open interval. */
  happened(undoer: Undoer, after: number, before: number): boolean;
  /** How many such things happened before. */
  countBefore(undoer: Undoer, before: number): number;
}

export function callsOf<F extends Operation["f"]>(prepared: Pick<Prepared, "calls">, f: F): readonly CallOf<F>[] {
  return prepared.calls.filter((call): call is CallOf<F> => call.operation.f === f);
}

/** @throws when the history is not one: a completion without an invocation, a value that was sent twice, a key that was declared twice. */
export function prepare(events: readonly HistoryEvent[]): Prepared {
  const calls = pair(events);
  const keys = keysOf(calls);
  const deaths = deathsOf(events);
  const sends = sendsOf(calls, keys);
  const consumers = consumersOf(calls, keys);
  return {
    calls,
    keys,
    sends,
    consumers,
    reads: consumers.flatMap((consumer) => consumer.reads),
    happened: (undoer, after, before) => (deaths[undoer][firstAbove(deaths[undoer], after)] ?? Number.POSITIVE_INFINITY) < before,
    countBefore: (undoer, before) => firstAbove(deaths[undoer], before - 1),
  };
}

/** Where the first number stands that is larger than `limit`; their count when none is. @param rising integers. */
function firstAbove(rising: readonly number[], limit: number): number {
  let [from, to] = [0, rising.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((rising[middle] as number) > limit) to = middle;
    else from = middle + 1;
  }
  return from;
}

function pair(events: readonly HistoryEvent[]): readonly Call[] {
  const open = new Map<number, HistoryEvent>();
  const calls: Call[] = [];
  for (const event of events) {
    if (event.process === "nemesis") continue;
    const begun = open.get(event.process);
    if (event.type === "invoke") {
      if (begun !== undefined) throw new Error(`event ${event.index}: process ${event.process} has an operation under way`);
      open.set(event.process, event);
    } else {
      if (begun?.f !== event.f) throw new Error(`event ${event.index}: completes no ${event.f} of process ${event.process}`);
      open.delete(event.process);
      calls.push({ process: event.process, invoked: begun.index, completed: event.index, type: event.type, operation: event });
    }
  }
  for (const begun of open.values()) {
    calls.push({ process: begun.process, invoked: begun.index, completed: Number.POSITIVE_INFINITY, type: "info", operation: begun });
  }
  return calls.sort((one, other) => one.invoked - other.invoked);
}

function deathsOf(events: readonly HistoryEvent[]): Record<Undoer, readonly number[]> {
  const faults = events.flatMap((event) => (event.f === "fault" ? [{ index: event.index, fault: event.fault }] : []));
  const power = faults.filter(({ fault }) => fault === "power-cut").map(({ index }) => index);
  const any = faults.filter(({ fault }) => fault === "power-cut" || fault === "process-death").map(({ index }) => index);
  return { nothing: [], "power-cut": power, "any-death": any };
}

function keysOf(calls: readonly Call[]): Map<Key, KeyState> {
  const keys = new Map<Key, KeyState>();
  for (const call of callsOf({ calls }, "create-topic")) {
    for (const rules of call.operation.value) {
      if (keys.has(rules.key)) throw new Error(`key ${rules.key} was declared twice`);
      const deletions = callsOf({ calls }, "delete-topic").filter(
        ({ operation, type }) => type !== "fail" && operation.value.includes(rules.key),
      );
      const alterations = callsOf({ calls }, "alter-durability").filter(({ operation }) => operation.value.includes(rules.key));
      keys.set(rules.key, {
        ...rules,
        created: call.completed,
        deleteInvoked: Math.min(...deletions.map(({ invoked }) => invoked)),
        deleted: Math.min(...deletions.map(({ completed, type }) => (type === "ok" ? completed : Number.POSITIVE_INFINITY))),
        isAlwaysDurable: rules.durability === "fsync" && alterations.every(({ operation }) => operation.durability === "fsync"),
      });
    }
  }
  return keys;
}

/** What the topic's durability surely was from `invoked` to `completed`; undefined when it may have changed. */
function durabilityDuring(
  alterations: readonly CallOf<"alter-durability">[],
  rules: KeyState,
  span: Span,
): "fsync" | "replicated" | undefined {
  if (rules.durability === "unknown") return undefined;
  let sure = rules.durability;
  for (const call of alterations) {
    if (!call.operation.value.includes(rules.key) || call.type === "fail" || call.invoked > span.completed) continue;
    if (call.type === "ok" && call.completed < span.invoked) sure = call.operation.durability;
    // One without an answer may take effect at any time after; one under way, during the span.
    else if (call.operation.durability !== sure) return undefined;
  }
  return sure;
}

function sendsOf(calls: readonly Call[], keys: ReadonlyMap<Key, KeyState>): Map<Value, SentValue> {
  const sends = new Map<Value, SentValue>();
  const alterations = callsOf({ calls }, "alter-durability");
  for (const [number, call] of calls.entries()) {
    const { operation } = call;
    if (operation.f !== "send") continue;
    for (const send of operation.value) {
      if (sends.has(send.value)) throw new Error(`value ${send.value} was sent twice`);
      const rules = keys.get(send.key);
      const durability = rules === undefined ? undefined : durabilityDuring(alterations, rules, call);
      sends.set(send.value, {
        ...send,
        outcome: call.type === "fail" ? "fail" : send.outcome,
        acks: operation.acks,
        isIdempotent: operation.isIdempotent,
        producer: operation.producer,
        call: number,
        invoked: call.invoked,
        completed: call.completed,
        undoneBy: undoerOf(operation.acks, durability),
      });
    }
  }
  return sends;
}

function undoerOf(acks: Acks, durability: "fsync" | "replicated" | undefined): Undoer {
  if (acks === "all") return durability === "fsync" ? "nothing" : "power-cut";
  // In a durable topic what was answered before its round is cut back to the round when the process dies.
  return durability === "replicated" ? "power-cut" : "any-death";
}

function consumersOf(calls: readonly Call[], keys: ReadonlyMap<Key, KeyState>): readonly Consumer[] {
  type Growing = Consumer & { completed: number; reads: ReadValue[]; skips: OperationOf<"skip">[]; polls: number };
  const current = new Map<number | "nemesis", Growing>();
  const consumers: Growing[] = [];
  for (const { process, invoked, completed, type, operation } of calls) {
    const consumer = current.get(process);
    if (operation.f === "assign") {
      const { value, from } = operation;
      const begun: Growing = { process, invoked, completed, keys: value, from, reads: [], skips: [], polls: 0 };
      current.set(process, begun);
      consumers.push(begun);
    } else if (operation.f === "skip") consumer?.skips.push(operation);
    else if (operation.f === "poll" && completed !== Number.POSITIVE_INFINITY) {
      if (consumer === undefined) throw new Error(`event ${invoked}: process ${process} polls without an assignment`);
      consumer.completed = completed;
      const poll = consumer.polls++;
      for (const { key, reads } of operation.value) {
        const undoneBy = keys.get(key)?.isAlwaysDurable ? "nothing" : "power-cut";
        for (const [offset, value] of reads) {
          const span = { invoked: consumer.invoked, completed };
          consumer.reads.push({ key, offset, value, ...span, isOk: type === "ok", isFinal: operation.isFinal, poll, undoneBy });
        }
      }
    }
  }
  return consumers;
}
