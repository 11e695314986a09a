// The metrics of one life, readable by a test: counters and histograms as numbers by name and labels, gauges on demand.

import type { Counter, Histogram, LabelValues, MetricOptions, Metrics } from "@varve/runtime";
import type { Life } from "./life.ts";

interface Observed {
  count: number;
  sum: number;
}

/** The metrics port; a dead process counts nothing. */
export class SimMetrics implements Metrics {
  readonly #life: Life;
  readonly #counters = new Map<string, number>();
  readonly #gauges = new Map<string, () => number>();
  readonly #histograms = new Map<string, Observed>();

  constructor(life: Life) {
    this.#life = life;
  }

  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label> {
    return {
      add: (value, labels) => {
        if (!this.#life.alive) return;
        const series = seriesName(options.name, labels);
        this.#counters.set(series, (this.#counters.get(series) ?? 0) + value);
      },
    };
  }

  gauge(options: MetricOptions<never>, read: () => number): void {
    this.#gauges.set(options.name, read);
  }

  histogram<Label extends string = never>(options: MetricOptions<Label> & { readonly buckets: readonly number[] }): Histogram<Label> {
    return {
      observe: (value, labels) => {
        if (!this.#life.alive) return;
        const series = seriesName(options.name, labels);
        const observed = this.#histograms.get(series) ?? { count: 0, sum: 0 };
        observed.count++;
        observed.sum += value;
        this.#histograms.set(series, observed);
      },
    };
  }

  /** Value of a counter or gauge; for a histogram how often it was observed. 0 when it never was. */
  value(name: `varve_${string}`, labels?: Readonly<Record<string, string>>): number {
    const series = seriesName(name, labels);
    return this.#counters.get(series) ?? this.#gauges.get(series)?.() ?? this.#histograms.get(series)?.count ?? 0;
  }

  /** Sum of a histogram's observations. */
  sum(name: `varve_${string}`, labels?: Readonly<Record<string, string>>): number {
    return this.#histograms.get(seriesName(name, labels))?.sum ?? 0;
  }
}

function seriesName<Label extends string>(name: string, labels?: LabelValues<Label>): string {
  if (labels === undefined) return name;
  const pairs = Object.entries<string>(labels).sort(([one], [other]) => (one < other ? -1 : 1));
  return `${name}{${pairs.map(([label, value]) => `${label}=${value}`).join(",")}}`;
}
