// Metrics as a port: prom-client's three instruments. Names bear the prefix `varve_` and base units; label values are bounded.

export interface MetricOptions<Label extends string> {
  readonly name: `varve_${string}`;
  readonly help: string;
  readonly labels?: readonly Label[];
}

export type LabelValues<Label extends string> = Readonly<Record<Label, string>>;

export interface Counter<Label extends string = never> {
  add(value: number, labels?: LabelValues<Label>): void;
}
export interface Histogram<Label extends string = never> {
  observe(value: number, labels?: LabelValues<Label>): void;
}

export interface Metrics {
  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label>;
  /** Read when metrics are asked for. */
  gauge(options: MetricOptions<never>, read: () => number): void;
  /** @param buckets upper bounds, rising. */
  histogram<Label extends string = never>(options: MetricOptions<Label> & { readonly buckets: readonly number[] }): Histogram<Label>;
}
