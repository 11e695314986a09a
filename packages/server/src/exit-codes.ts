// How a server process ends, as numbers that a supervisor can tell apart. Source: sysexits.h, where it has a fitting one.

export const exitCodes = {
  ok: { code: 0, about: "Stopped as it was told to." },
  failed: { code: 1, about: "A fault of the program itself; the log says which." },
  unreachable: { code: 69, about: "The listener's address is taken or cannot be bound." },
  dataDirectory: {
    code: 73,
    about: "The data directory cannot be made or used, or belongs to another process, node, cluster or a newer version.",
  },
  diskFailed: {
    code: 74,
    about: "The disk failed a write or a sync: nothing more was answered. Started again, the broker has everything that it acknowledged.",
  },
  corrupt: { code: 76, about: "What is on the disk is not what was written, where nothing can go on without it." },
  config: { code: 78, about: "The configuration has errors; all of them were printed." },
  interrupted: { code: 130, about: "Interrupted a second time, without waiting for the shutdown." },
} as const;

export type ExitReason = keyof typeof exitCodes;
