// Flags of V8 for a process that moves bulk bytes: to be set by whoever owns the process, never by a library.

/**
 * When V8 marks all of its heap. Every message is a buffer, and at V8's own pace the whole heap would be marked for every 64 MB of them: a
 * quarter to a half of the broker's processor time. So buffers count in one limit with the heap (`external-memory-accounted-in-global-limit`),
 * and that limit lies well above what a marking left: the heap may grow fivefold, the buffers twofold. Measured with fetches of 1 MiB, CPU
 * seconds per GB: 1.4 to 1.6 before the first two flags, 0.8 to 1.0 after, with the same resident memory; none of it is used when idle.
 */
export const memoryFlags: readonly string[] = [
  "--external-memory-accounted-in-global-limit",
  "--external-memory-max-growing-factor=2.0",
  "--heap-growing-percent=400",
];
