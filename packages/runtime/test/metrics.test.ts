// Metrics as a scrape sees them.

import { nodeMetrics } from "@varve/runtime/node";
import { expect, test } from "vitest";

test("counters, gauges and histograms are exposed in Prometheus' format", async () => {
  const metrics = nodeMetrics();
  const appends = metrics.counter({ name: "varve_appends_total", help: "Appends." });
  const bytes = metrics.counter({ name: "varve_bytes_total", help: "Bytes.", labels: ["direction", "listener"] });
  const sync = metrics.histogram({ name: "varve_sync_seconds", help: "Syncs.", buckets: [0.001, 0.01] });
  let connections = 4;
  metrics.gauge({ name: "varve_connections", help: "Connections." }, () => connections);
  appends.add(2);
  appends.add(3);
  bytes.add(10, { direction: "in", listener: "grpc" });
  bytes.add(5, { direction: "in", listener: "grpc" });
  bytes.add(7, { direction: "out", listener: "grpc" });
  sync.observe(0.0005);
  sync.observe(0.005);
  sync.observe(5);

  const { contentType, text } = await metrics.expose();
  expect(contentType).toContain("text/plain");
  expect(text).toContain("# TYPE varve_appends_total counter\nvarve_appends_total 5\n");
  expect(text).toContain('varve_bytes_total{direction="in",listener="grpc"} 15\n');
  expect(text).toContain('varve_bytes_total{direction="out",listener="grpc"} 7\n');
  expect(text).toContain("varve_connections 4\n");
  expect(text).toContain(
    'varve_sync_seconds_bucket{le="0.001"} 1\nvarve_sync_seconds_bucket{le="0.01"} 2\nvarve_sync_seconds_bucket{le="+Inf"} 3\n',
  );
  expect(text).toContain("varve_sync_seconds_sum 5.0055\nvarve_sync_seconds_count 3\n");

  connections = 5;
  appends.add(1);
  const again = await metrics.expose();
  expect(again.text).toContain("varve_appends_total 6\n");
  expect(again.text).toContain("varve_connections 5\n");
});

test("a histogram counts for each combination of labels, and one that comes after the first scrape is in the next", async () => {
  const metrics = nodeMetrics();
  await metrics.expose();
  const waits = metrics.histogram({ name: "varve_wait_seconds", help: "Waits.", labels: ["of"], buckets: [1] });
  waits.observe(1, { of: "a" });
  waits.observe(2, { of: "a" });
  waits.observe(0.5, { of: "b" });
  const { text } = await metrics.expose();
  expect(text).toContain('varve_wait_seconds_bucket{le="1",of="a"} 1\nvarve_wait_seconds_bucket{le="+Inf",of="a"} 2\n');
  expect(text).toContain('varve_wait_seconds_sum{of="a"} 3\nvarve_wait_seconds_count{of="a"} 2\n');
  expect(text).toContain('varve_wait_seconds_count{of="b"} 1\n');
});

test("two instruments of one name are a mistake of ours", () => {
  const metrics = nodeMetrics();
  metrics.counter({ name: "varve_appends_total", help: "Appends." });
  expect(() => metrics.gauge({ name: "varve_appends_total", help: "Appends." }, () => 1)).toThrow("two instruments are called");
});

test("the process's own figures are there under the names that dashboards know", async () => {
  const { text } = await nodeMetrics().expose();
  expect(text).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  expect(text).toMatch(/^process_start_time_seconds \d{10}/m);
});
