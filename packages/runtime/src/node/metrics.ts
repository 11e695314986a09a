// Metrics over prom-client. The instruments are plain numbers of our own, for prom-client hashes the labels at every increment; its registry
// writes them out, and is loaded at the first scrape. Its index would also load clustering, a push gateway and TLS.

import { createRequire } from "node:module";
import { invariant } from "@varve/model";
import type * as prom from "prom-client";
import type { Counter, Histogram, LabelValues, MetricOptions, Metrics } from "../metrics.ts";

export interface NodeMetrics extends Metrics {
  /** What a scrape answers, in Prometheus' text format. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

type Labels = Readonly<Record<string, string>>;

/** What an instrument is made with, whatever its kind. */
interface Description {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** One line of a scrape. */
interface Reading {
  readonly labels: Labels;
  readonly value: number;
  /** Of the line, where it is not the instrument's. */
  readonly metricName?: string;
}

/** An instrument as prom-client's registry reads it. */
interface Readable {
  readonly name: string;
  get(): Promise<{ readonly name: string; readonly help: string; readonly type: string; readonly values: readonly Reading[] }>;
}

function readable({ name, help }: Description, type: "counter" | "gauge" | "histogram", read: () => readonly Reading[]): Readable {
  return { name, get: async () => ({ name, help, type, values: read() }) };
}

/** One value for each combination of label values that has come. */
class Series<Value> {
  readonly #labelNames: readonly string[];
  readonly #fresh: () => Value;
  readonly #labelled = new Map<string, { readonly labels: Labels; value: Value }>();
  /** Of an instrument without labels. */
  unlabelled: Value;

  constructor({ labels = [] }: Description, fresh: () => Value) {
    this.#labelNames = labels;
    this.#fresh = fresh;
    this.unlabelled = fresh();
  }

  at(labels: Labels): { value: Value } {
    let key = "";
    for (const name of this.#labelNames) key += `${labels[name]}\n`;
    let entry = this.#labelled.get(key);
    if (entry === undefined) {
      entry = { labels: { ...labels }, value: this.#fresh() };
      this.#labelled.set(key, entry);
    }
    return entry;
  }

  entries(): readonly { readonly labels: Labels; readonly value: Value }[] {
    return this.#labelNames.length === 0 ? [{ labels: {}, value: this.unlabelled }] : [...this.#labelled.values()];
  }
}

class Sum implements Counter<string> {
  readonly #series: Series<number>;

  constructor(description: Description) {
    this.#series = new Series(description, () => 0);
  }

  add(value: number, labels?: Labels): void {
    if (labels === undefined) this.#series.unlabelled += value;
    else this.#series.at(labels).value += value;
  }

  read(): readonly Reading[] {
    return this.#series.entries();
  }
}

interface Distribution {
  /** For each bucket, the values in it and in none below. The last one has no upper bound. */
  readonly counts: number[];
  sum: number;
}

class Buckets implements Histogram<string> {
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #series: Series<Distribution>;

  constructor(description: Description, bounds: readonly number[]) {
    this.#name = description.name;
    this.#bounds = bounds;
    this.#series = new Series(description, () => ({ counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 }));
  }

  observe(value: number, labels?: Labels): void {
    const of = labels === undefined ? this.#series.unlabelled : this.#series.at(labels).value;
    let at = 0;
    while (at < this.#bounds.length && value > this.#bounds[at]!) at += 1;
    of.counts[at]! += 1;
    of.sum += value;
  }

  read(): readonly Reading[] {
    return this.#series.entries().flatMap(({ labels, value: { counts, sum } }) => {
      let below = 0;
      const lines: Reading[] = counts.map((count, at) => {
        below += count;
        return { metricName: `${this.#name}_bucket`, labels: { le: String(this.#bounds[at] ?? "+Inf"), ...labels }, value: below };
      });
      lines.push({ metricName: `${this.#name}_sum`, labels, value: sum }, { metricName: `${this.#name}_count`, labels, value: below });
      return lines;
    });
  }
}

class PromMetrics implements NodeMetrics {
  readonly #instruments: Readable[] = [];
  #registry: prom.Registry | undefined;

  constructor() {
    this.#addProcess();
  }

  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label> {
    const sum = new Sum(options);
    this.#add(readable(options, "counter", () => sum.read()));
    return sum as Counter<Label>;
  }

  gauge(options: MetricOptions<never>, read: () => number): void {
    this.#gauge(options, read);
  }

  histogram<Label extends string = never>(options: MetricOptions<Label> & { readonly buckets: readonly number[] }): Histogram<Label> {
    const buckets = new Buckets(options, options.buckets);
    this.#add(readable(options, "histogram", () => buckets.read()));
    return { observe: (value: number, of?: LabelValues<Label>) => buckets.observe(value, of) };
  }

  async expose(): Promise<{ readonly contentType: string; readonly text: string }> {
    this.#registry ??= this.#load();
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #load(): prom.Registry {
    const Registry = createRequire(import.meta.url)("prom-client/lib/registry.js") as typeof prom.Registry;
    const registry = new Registry();
    for (const instrument of this.#instruments) register(registry, instrument);
    return registry;
  }

  #add(instrument: Readable): void {
    invariant(!this.#instruments.some(({ name }) => name === instrument.name), `two instruments are called ${instrument.name}`);
    this.#instruments.push(instrument);
    if (this.#registry !== undefined) register(this.#registry, instrument);
  }

  #gauge(description: Description, read: () => number): void {
    this.#add(readable(description, "gauge", () => [{ labels: {}, value: read() }]));
  }

  /** The three figures of a process that every dashboard asks for, under the names that all exporters use. */
  #addProcess(): void {
    const startSeconds = performance.timeOrigin / 1_000;
    const start = { name: "process_start_time_seconds", help: "Start of the process, seconds since the Unix epoch." };
    this.#gauge(start, () => startSeconds);
    this.#gauge({ name: "process_resident_memory_bytes", help: "Resident memory of the process." }, () => process.memoryUsage.rss());
    const cpu = { name: "process_cpu_seconds_total", help: "CPU time of the process, user and system." };
    const cpuSeconds = () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000_000;
    };
    this.#add(readable(cpu, "counter", () => [{ labels: {}, value: cpuSeconds() }]));
  }
}

function register(registry: prom.Registry, instrument: Readable): void {
  // The registry asks no more of a metric than its name and its values; the type names prom-client's own classes.
  registry.registerMetric(instrument as unknown as prom.Counter);
}

export function nodeMetrics(): NodeMetrics {
  return new PromMetrics();
}
