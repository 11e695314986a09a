// The outside world made of memory and a seed: virtual time, disks that lose what was not synced, networks that lose anything.

export * from "./clock.ts";
export * from "./disk/content.ts";
export * from "./disk/faults.ts";
export * from "./disk/sim-disk.ts";
export * from "./disk-only.ts";
export * from "./life.ts";
export * from "./logger.ts";
export * from "./machine.ts";
export * from "./metrics.ts";
export * from "./network/faults.ts";
export * from "./network/sim-network.ts";
export * from "./network/wires.ts";
export * from "./node.ts";
export * from "./random.ts";
export * from "./scheduler.ts";
export * from "./store.ts";
export * from "./trace.ts";
export * from "./world.ts";
