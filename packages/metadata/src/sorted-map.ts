// An immutable map in key order: a list of short sorted runs. A change copies one run and the list of runs and shares all else, so that
// one topic among 10,000 changes in about a microsecond, and what differs between two versions is found by looking at the runs they do not share.

/** A run is cut in two past this length. 10,000 keys make a list of about 100 runs: the two copies of a change are of one size. */
const runLengthMax = 128;

interface Run<K, V> {
  readonly keys: readonly K[];
  readonly values: readonly V[];
}

/** How the value of one key differs between two maps. */
export type Change<K, V> =
  | { readonly kind: "added"; readonly key: K; readonly after: V }
  | { readonly kind: "removed"; readonly key: K; readonly before: V }
  | { readonly kind: "changed"; readonly key: K; readonly before: V; readonly after: V };

/** Keys are strings in order of code units, or numbers; never both. Values are compared by identity. */
export class SortedMap<K extends string | number, V> {
  readonly size: number;
  /** No run is empty; keys rise within runs and from run to run. */
  private readonly runs: readonly Run<K, V>[];

  private constructor(size: number, runs: readonly Run<K, V>[]) {
    this.size = size;
    this.runs = runs;
  }

  private static readonly nothing: SortedMap<string, never> = new SortedMap<string, never>(0, []);

  static empty<K extends string | number, V>(): SortedMap<K, V> {
    return SortedMap.nothing as unknown as SortedMap<K, V>;
  }

  static of<K extends string | number, V>(entries: Iterable<readonly [K, V]>): SortedMap<K, V> {
    let map = SortedMap.empty<K, V>();
    for (const [key, value] of entries) map = map.set(key, value);
    return map;
  }

  get(key: K): V | undefined {
    const run = this.runs[runOf(this.runs, key)];
    if (run === undefined) return undefined;
    const at = lowerBound(run.keys, key);
    return run.keys[at] === key ? run.values[at] : undefined;
  }

  has(key: K): boolean {
    const run = this.runs[runOf(this.runs, key)];
    return run !== undefined && run.keys[lowerBound(run.keys, key)] === key;
  }

  /** @returns this very map when `key` already has this value. O(√size). */
  set(key: K, value: V): SortedMap<K, V> {
    const index = Math.max(runOf(this.runs, key), 0);
    const run = this.runs[index];
    if (run === undefined) return new SortedMap(1, [{ keys: [key], values: [value] }]);
    const at = lowerBound(run.keys, key);
    if (run.keys[at] === key) {
      if (run.values[at] === value) return this;
      return new SortedMap(this.size, this.runs.with(index, { keys: run.keys, values: run.values.with(at, value) }));
    }
    const keys = run.keys.toSpliced(at, 0, key);
    const values = run.values.toSpliced(at, 0, value);
    if (keys.length <= runLengthMax) return new SortedMap(this.size + 1, this.runs.with(index, { keys, values }));
    // Keys that come in rising order leave full runs behind them; any other order leaves halves.
    const cut = at === run.keys.length && index === this.runs.length - 1 ? runLengthMax : keys.length >> 1;
    const left = { keys: keys.slice(0, cut), values: values.slice(0, cut) };
    const right = { keys: keys.slice(cut), values: values.slice(cut) };
    return new SortedMap(this.size + 1, this.runs.toSpliced(index, 1, left, right));
  }

  /** @returns this very map when it lacks `key`. O(√size). */
  delete(key: K): SortedMap<K, V> {
    const index = runOf(this.runs, key);
    const run = this.runs[index];
    if (run === undefined) return this;
    const at = lowerBound(run.keys, key);
    if (run.keys[at] !== key) return this;
    if (this.size === 1) return SortedMap.empty();
    const keys = run.keys.toSpliced(at, 1);
    const values = run.values.toSpliced(at, 1);
    const next = this.runs[index + 1];
    // Joining small neighbours bounds the number of runs by the number of keys, whatever was deleted before.
    if (next !== undefined && keys.length + next.keys.length <= runLengthMax >> 1) {
      const joined = { keys: keys.concat(next.keys), values: values.concat(next.values) };
      return new SortedMap(this.size - 1, this.runs.toSpliced(index, 2, joined));
    }
    return new SortedMap(this.size - 1, keys.length === 0 ? this.runs.toSpliced(index, 1) : this.runs.with(index, { keys, values }));
  }

  *[Symbol.iterator](): Generator<readonly [K, V]> {
    for (const { keys, values } of this.runs) for (let at = 0; at < keys.length; at += 1) yield [keys[at]!, values[at]!];
  }

  *keys(): Generator<K> {
    for (const { keys } of this.runs) yield* keys;
  }

  *values(): Generator<V> {
    for (const { values } of this.runs) yield* values;
  }

  /** Entries whose key lies above `key`, in order. */
  *entriesAbove(key: K): Generator<readonly [K, V]> {
    for (let index = Math.max(runOf(this.runs, key), 0); index < this.runs.length; index += 1) {
      const { keys, values } = this.runs[index]!;
      for (let at = 0; at < keys.length; at += 1) if (keys[at]! > key) yield [keys[at]!, values[at]!];
    }
  }

  /** What differs from `before` to this map, in key order. O(what differs + number of runs). */
  *changesSince(before: SortedMap<K, V>): Generator<Change<K, V>> {
    if (before === this) return;
    const old = new Cursor(before.runs);
    const now = new Cursor(this.runs);
    for (;;) {
      while (old.at === 0 && now.at === 0 && old.run !== undefined && old.run === now.run) {
        old.skipRun();
        now.skipRun();
      }
      const from = old.key;
      const to = now.key;
      if (from === undefined && to === undefined) return;
      if (to === undefined || (from !== undefined && from < to)) {
        yield { kind: "removed", key: from!, before: old.value };
        old.step();
      } else if (from === undefined || to < from) {
        yield { kind: "added", key: to, after: now.value };
        now.step();
      } else {
        if (old.value !== now.value) yield { kind: "changed", key: to, before: old.value, after: now.value };
        old.step();
        now.step();
      }
    }
  }
}

/** Steps through the entries of a list of runs, or over a whole run. */
class Cursor<K, V> {
  at = 0;
  run: Run<K, V> | undefined;
  private index = 0;
  private readonly runs: readonly Run<K, V>[];

  constructor(runs: readonly Run<K, V>[]) {
    this.runs = runs;
    this.run = runs[0];
  }

  get key(): K | undefined {
    return this.run?.keys[this.at];
  }

  get value(): V {
    return this.run!.values[this.at]!;
  }

  step(): void {
    this.at += 1;
    if (this.at === this.run!.keys.length) this.skipRun();
  }

  skipRun(): void {
    this.index += 1;
    this.run = this.runs[this.index];
    this.at = 0;
  }
}

/** The last run whose first key is not above `key`; -1 when there is none. */
function runOf<K, V>(runs: readonly Run<K, V>[], key: K): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (runs[middle]!.keys[0]! <= key) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The first position whose key is not below `key`. */
function lowerBound<K>(keys: readonly K[], key: K): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
