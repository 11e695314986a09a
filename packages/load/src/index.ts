// Workloads and what is measured of them: drivers for produce and fetch streams and for the SDK, open-loop schedules, histograms,
// processor time and memory of processes. It connects to nothing by itself: whoever measures gives it a stream or a client.

export { batchOfRecords, batchOfSize } from "./batches.ts";
export { type FetchLine, FetchLoad, type FetchLoadOptions } from "./fetch-load.ts";
export { LatencyHistogram, type LatencySummary } from "./latency-histogram.ts";
export { LoadCounts, type LoadFigures, type MeasureOptions, measureLoad } from "./measure-load.ts";
export { OpenLoop } from "./open-loop.ts";
export { cpuSeconds, kernelCpuSeconds, type MachineTicks, machineTicks, ownCpuSeconds, residentBytes, ticksPerSecond } from "./proc.ts";
export { type ProduceLine, ProduceLoad, type ProduceLoadOptions } from "./produce-load.ts";
export { SendLoad, type SendLoadOptions } from "./send-load.ts";
