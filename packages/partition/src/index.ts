// One replicated partition: who leads it, what is committed, who waits. Not how it is stored, not how it is reached.

export type { CommitCallback } from "./commit-waiters.ts";
export { effectiveMinInSync, leastSecuredEnd } from "./high-watermark.ts";
export { type LeaderState, Leadership } from "./leadership.ts";
export { type AppendTurn, type Led, Partition, waitingAppendsMax } from "./partition.ts";
