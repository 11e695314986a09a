// The ports as Node provides them. Libraries that a process may not need are loaded when they are first used.

export { nodeClock } from "./clock.ts";
export { nodeCompression } from "./compression.ts";
export { nodeDisk } from "./disk.ts";
export { nodeEntropy } from "./entropy.ts";
export { type LogLevel, type LogOptions, logLevels, type NodeLogger, nodeLogger } from "./logger.ts";
export { memoryFlags } from "./memory-flags.ts";
export { type NodeMetrics, nodeMetrics } from "./metrics.ts";
export { type NodePortsOptions, nodePorts } from "./ports.ts";
export { nodeStores } from "./store.ts";
