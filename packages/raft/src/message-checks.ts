// Whether a message can be what a member has said, by itself: what a peer that is wrong sends must cost that peer, and not this process.

import type { Message } from "./message.ts";

/** A term above it could not be followed by another. */
const termMax = Number.MAX_SAFE_INTEGER - 1;

/** @returns what is wrong with it; undefined when nothing is. */
export function messageProblem(message: Message): string | undefined {
  for (const [name, value] of Object.entries(message)) {
    if (typeof value === "number" && !(Number.isSafeInteger(value) && value >= 0)) return `its ${name} is ${value}`;
  }
  if (message.term > termMax) return `its term is ${message.term}`;
  if (message.kind === "append") return problemOfAppend(message);
  if (message.kind !== "snapshot") return undefined;
  const { index, term, configuration } = message.snapshot;
  if (!Number.isSafeInteger(index) || index < 1) return `its snapshot is at ${index}`;
  if (!Number.isSafeInteger(term) || term < 0 || term > message.term) return `its snapshot is of term ${term}, it of term ${message.term}`;
  return configuration.voters.length === 0 ? "its snapshot knows no voters" : undefined;
}

function problemOfAppend({ term, prevIndex, prevTerm, entries }: Extract<Message, { readonly kind: "append" }>): string | undefined {
  let lastTerm = prevTerm;
  for (const [at, entry] of entries.entries()) {
    if (entry.index !== prevIndex + 1 + at) return `entry ${entry.index} stands where ${prevIndex + 1 + at} belongs`;
    if (!Number.isSafeInteger(entry.term) || entry.term < lastTerm)
      return `entry ${entry.index} is of term ${entry.term}, behind term ${lastTerm}`;
    lastTerm = entry.term;
  }
  return lastTerm > term ? `its entries are of term ${lastTerm}, it of term ${term}` : undefined;
}
