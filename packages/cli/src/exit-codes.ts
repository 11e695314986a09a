// How a command ends, as numbers that a script can tell apart. `varve server` has further ones: packages/server/src/exit-codes.ts.

import type { ErrorCode } from "@varve/model";

export const exitCodes = {
  ok: { code: 0, about: "Done." },
  failed: { code: 1, about: "The operation failed, or what was verified is damaged." },
  usage: { code: 2, about: "The command line or the environment is wrong; all problems are printed." },
  notFound: { code: 3, about: "What is named does not exist." },
  denied: { code: 4, about: "Not authenticated, or not allowed." },
  unreachable: { code: 5, about: "No broker answered, or not in time." },
  partial: { code: 6, about: "A part was done: the output says what was not." },
  conditionNotMet: { code: 7, about: "What was asked for is not the case: a destructive command that lacks --yes." },
  interrupted: { code: 130, about: "Interrupted." },
} as const;

export type Exit = keyof typeof exitCodes;

const exitOfCode: Partial<Record<ErrorCode, Exit>> = {
  UNKNOWN_TOPIC_OR_PARTITION: "notFound",
  UNKNOWN_TOPIC_ID: "notFound",
  NETWORK_EXCEPTION: "unreachable",
  REQUEST_TIMED_OUT: "unreachable",
  BROKER_NOT_AVAILABLE: "unreachable",
  INVALID_CONFIG: "usage",
};

/** How a command ends that failed with `code`. */
export function exitOf(code: ErrorCode): Exit {
  return exitOfCode[code] ?? "failed";
}
