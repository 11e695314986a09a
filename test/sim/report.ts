// What a batch of seeds came to: a table of how often each thing happened, each failed seed with the command that repeats it, and the
// last line.

import { missingPaths, pathCounts } from "./paths.ts";
import type { SeedOutcome } from "./run-seed.ts";

/** From so many seeds on, every fault and recovery path must have happened. */
const completeSeedsMin = 1_000;
const tailLines = 40;

export class Report {
  readonly #startedMs: number;
  readonly #say: (text: string) => void;
  readonly #outcomes = new Map<number, SeedOutcome>();
  #failures = 0;
  readonly #counts = new Map<string, number>();
  #repeats = 0;

  /** @param say prints. */
  constructor(startedMs: number, say: (text: string) => void) {
    this.#startedMs = startedMs;
    this.#say = say;
  }

  add(outcome: SeedOutcome): void {
    this.#outcomes.set(outcome.seed, outcome);
    for (const [kind, count] of Object.entries(outcome.counts)) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
    if (outcome.violations.length > 0) this.#fail(outcome.seed, [...outcome.tail.slice(-tailLines), ...outcome.violations]);
  }

  /** A seed that was run before. */
  addRepeat(outcome: SeedOutcome): void {
    this.#repeats++;
    const before = this.#outcomes.get(outcome.seed)?.hash;
    if (before !== outcome.hash) this.#fail(outcome.seed, [`the second run has the hash ${outcome.hash}, the first one had ${before}`]);
  }

  get isGood(): boolean {
    return this.#failures === 0 && (!this.#mustBeComplete || this.#missing.length === 0);
  }

  text(nowMs: number): string {
    const seconds = (nowMs - this.#startedMs) / 1_000;
    const outcomes = [...this.#outcomes.values()];
    const sum = (of: (outcome: SeedOutcome) => number) => outcomes.reduce((total, outcome) => total + of(outcome), 0);
    const runs = outcomes.length + this.#repeats;
    const missing = this.#missing;
    const last = [
      `sim: ${outcomes.length} seeds`,
      `${this.#failures} violations`,
      `${Math.round((runs / seconds) * 3_600)} seeds/h`,
      `${Math.round(sum(({ events }) => events) / seconds)} events/s`,
      `${(sum(({ virtualMs }) => virtualMs) / 3_600_000).toFixed(1)} virtual hours`,
      `${sum(({ operations }) => operations)} operations`,
      `${this.#repeats} seeds twice`,
      `${missing.length} paths not taken`,
    ];
    const never = missing.length === 0 ? [] : [`${this.#mustBeComplete ? "FAILED" : "note"}: never happened: ${missing.join(", ")}`];
    const fired = `fired: ${[...pathCounts(this.#counts)].map(([name, count]) => `${name} ${count}`).join(", ")}`;
    return `${[...this.#table(), fired, ...never, last.join(", ")].join("\n")}\n`;
  }

  get #missing(): readonly string[] {
    return missingPaths(this.#counts);
  }

  get #mustBeComplete(): boolean {
    return this.#outcomes.size >= completeSeedsMin;
  }

  #table(): readonly string[] {
    const kinds = [...this.#counts]
      .filter(([kind]) => !/^(disk|network|store|clock)\.[a-z-]+$/.test(kind))
      .sort(([one], [other]) => (one < other ? -1 : 1));
    const width = Math.max(0, ...kinds.map(([kind]) => kind.length));
    return kinds.map(([kind, count]) => `  ${kind.padEnd(width)}  ${count}`);
  }

  /** Said at once: whoever waits for a long batch wants to know. */
  #fail(seed: number, lines: readonly string[]): void {
    this.#failures++;
    const text = [`seed ${seed} FAILED; again: npm run sim -- --first-seed ${seed} --trace`, ...lines.map((line) => `  ${line}`)];
    this.#say(`${text.join("\n")}\n`);
  }
}
