// Metrics over prom-client. Its index also loads clustering, a push gateway and TLS (30 ms and 20 MB that a broker has no use
// for), so the four modules that are needed are taken one by one.

import { createRequire } from "node:module";
import type * as prom from "prom-client";
import type { Counter, Histogram, LabelValues, MetricOptions, Metrics } from "../metrics.ts";

export interface NodeMetrics extends Metrics {
  /** What a scrape answers, in Prometheus' text format. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

type Labels = Readonly<Record<string, string>>;

/** A counter stays a plain number until it is asked for: prom-client hashes the labels at every increment. */
class Sum implements Counter<string> {
  readonly #labelNames: readonly string[];
  readonly #labelled = new Map<string, { readonly labels: Labels; value: number }>();
  #unlabelled = 0;

  constructor(labelNames: readonly string[]) {
    this.#labelNames = labelNames;
  }

  add(value: number, labels?: Labels): void {
    if (labels === undefined) {
      this.#unlabelled += value;
      return;
    }
    let key = "";
    for (const name of this.#labelNames) key += `${labels[name]}\n`;
    const sum = this.#labelled.get(key);
    if (sum) sum.value += value;
    else this.#labelled.set(key, { labels: { ...labels }, value });
  }

  fill(counter: prom.Counter): void {
    counter.reset();
    if (this.#labelNames.length === 0) counter.inc(this.#unlabelled);
    for (const { labels, value } of this.#labelled.values()) counter.inc(labels, value);
  }
}

class PromMetrics implements NodeMetrics {
  readonly #prom: Pick<typeof prom, "Counter" | "Gauge" | "Histogram">;
  readonly #registry: prom.Registry;

  constructor(require: NodeJS.Require) {
    const Registry = require("prom-client/lib/registry.js") as typeof prom.Registry;
    this.#prom = {
      Counter: require("prom-client/lib/counter.js") as typeof prom.Counter,
      Gauge: require("prom-client/lib/gauge.js") as typeof prom.Gauge,
      Histogram: require("prom-client/lib/histogram.js") as typeof prom.Histogram,
    };
    this.#registry = new Registry();
    this.#addProcess();
  }

  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label> {
    const { name, help, labels = [] } = options;
    const sum = new Sum(labels);
    this.#counter(name, help, labels, (counter) => sum.fill(counter));
    return sum as Counter<Label>;
  }

  gauge(options: MetricOptions<never>, read: () => number): void {
    this.#gauge(options.name, options.help, read);
  }

  histogram<Label extends string = never>(options: MetricOptions<Label> & { readonly buckets: readonly number[] }): Histogram<Label> {
    const { name, help, labels = [], buckets } = options;
    const histogram = new this.#prom.Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [this.#registry] });
    return {
      observe(value: number, of?: LabelValues<Label>): void {
        if (of === undefined) histogram.observe(value);
        else histogram.observe(of, value);
      },
    };
  }

  async expose(): Promise<{ readonly contentType: string; readonly text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  /** The three figures of a process that every dashboard asks for, under the names that all exporters use. */
  #addProcess(): void {
    const startSeconds = performance.timeOrigin / 1_000;
    this.#gauge("process_start_time_seconds", "Start of the process, seconds since the Unix epoch.", () => startSeconds);
    this.#gauge("process_resident_memory_bytes", "Resident memory of the process.", () => process.memoryUsage.rss());
    this.#counter("process_cpu_seconds_total", "CPU time of the process, user and system.", [], (counter) => {
      const { user, system } = process.cpuUsage();
      counter.reset();
      counter.inc((user + system) / 1_000_000);
    });
  }

  #counter(name: string, help: string, labels: readonly string[], fill: (counter: prom.Counter) => void): void {
    const counter: prom.Counter = new this.#prom.Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect: () => fill(counter),
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    const gauge: prom.Gauge = new this.#prom.Gauge({ name, help, registers: [this.#registry], collect: () => gauge.set(read()) });
  }
}

export function nodeMetrics(): NodeMetrics {
  return new PromMetrics(createRequire(import.meta.url));
}
