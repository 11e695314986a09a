// What can be done to a world on purpose, by name. Faults that happen by themselves (late packets, slow syncs, drifting clocks) are drawn
// as `WorldFaults` in configuration.ts.

export const faultKinds = [
  "process-death",
  "power-cut",
  "double-death",
  "death-at-effect",
  "death-in-recovery",
  "death-at-topic-change",
  "clean-restart",
  "death-while-stopping",
  "cut-wires",
  "cut-one-way",
  "clog",
  "break-connections",
  "break-in-message",
  "disk-stall",
  "slow-disk",
  "sync-failure",
  "disk-full",
  "too-many-files",
  "clock-jump",
  "clock-rate",
  "pause",
  "client-death",
  "client-pause",
  "bit-flip",
  "derived-bit-flip",
] as const;

export type FaultKind = (typeof faultKinds)[number];
