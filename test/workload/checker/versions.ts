// What stands at which offset, put together from all that was seen: the version order of each key (correctness.md 3.3).
// What nothing could undo goes into one log per key; what a death may have undone is compared only with what was seen in the same life.

import type { Key, Value } from "../history.ts";
import type { Prepared, Undoer } from "./prepare.ts";

/** What was seen of one key's log. */
export class Version {
  readonly #values = new Map<number, Set<Value>>();
  readonly #offsets = new Map<Value, Set<number>>();
  #dense: ReadonlyMap<Value, number> | undefined;

  see(offset: number, value: Value): void {
    setIn(this.#values, offset).add(value);
    setIn(this.#offsets, value).add(offset);
    this.#dense = undefined;
  }

  get offsets(): ReadonlyMap<number, ReadonlySet<Value>> {
    return this.#values;
  }

  get values(): ReadonlyMap<Value, ReadonlySet<number>> {
    return this.#offsets;
  }

  /** Position of a value when the offsets that nobody knows are left out: of its first offset; undefined when it was never seen. */
  index(value: Value): number | undefined {
    this.#dense ??= this.#rank();
    return this.#dense.get(value);
  }

  #rank(): ReadonlyMap<Value, number> {
    const dense = new Map<Value, number>();
    const offsets = [...this.#values.keys()].sort((one, other) => one - other);
    for (const [index, offset] of offsets.entries()) {
      for (const value of this.#values.get(offset) ?? []) if (!dense.has(value)) dense.set(value, index);
    }
    return dense;
  }
}

export interface Versions {
  /** What nothing has undone: one log per key. */
  readonly settled: ReadonlyMap<Key, Version>;
  /** What may have been undone since, by key and life. */
  readonly passing: readonly { readonly key: Key; readonly version: Version }[];
}

interface Seen {
  readonly key: Key;
  readonly offset: number;
  readonly value: Value;
  readonly invoked: number;
  readonly completed: number;
  readonly undoneBy: Undoer;
}

export function versionsOf(prepared: Prepared): Versions {
  const settled = new Map<Key, Version>();
  const passing = new Map<string, { readonly key: Key; readonly version: Version }>();
  for (const { key, offset, value, invoked, completed, undoneBy } of allSeen(prepared)) {
    if (!prepared.happened(undoneBy, invoked, Number.POSITIVE_INFINITY)) {
      const version = settled.get(key) ?? new Version();
      settled.set(key, version);
      version.see(offset, value);
    } else if (!prepared.happened(undoneBy, invoked, completed)) {
      const life = `${key} ${undoneBy} ${prepared.countBefore(undoneBy, invoked)}`;
      const { version } = passing.get(life) ?? { version: new Version() };
      passing.set(life, { key, version });
      version.see(offset, value);
    }
  }
  return { settled, passing: [...passing.values()] };
}

function* allSeen(prepared: Prepared): Iterable<Seen> {
  for (const send of prepared.sends.values()) {
    // An answer for a topic that was deleted meanwhile may speak of its successor.
    const isSure = send.completed < (prepared.keys.get(send.key)?.deleteInvoked ?? 0);
    if (send.outcome === "ok" && send.offset !== null && isSure) yield { ...send, offset: send.offset };
  }
  yield* prepared.reads;
}

function setIn<K, V>(sets: Map<K, Set<V>>, key: K): Set<V> {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  return set;
}
