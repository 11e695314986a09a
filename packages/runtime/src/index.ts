// The outside world as ports. Their Node implementations are in `@varve/runtime/node`, their seeded ones in `@varve/sim`.

export * from "./clock.ts";
export * from "./disk.ts";
export * from "./entropy.ts";
export * from "./key-value-store.ts";
export * from "./logger.ts";
export * from "./metrics.ts";
export * from "./network.ts";
export * from "./ports.ts";
