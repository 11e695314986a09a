// Places in a log as people write them, for --from and --until.

import type { Place } from "@varve/client";
import { parseValue } from "@varve/model";
import { UsageError } from "./command.ts";

const duration = { type: "ms", default: 0, min: 0, max: Number.MAX_SAFE_INTEGER, about: "", restart: false } as const;
const rfc3339 = /^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:\d{2})?)?$/;

/**
 * `start`, `end`, `@42`, `2026-05-01T12:00:00Z` (UTC when it names no zone), `-2h`.
 * @throws {UsageError}
 */
export function parsePlace(flag: string, text: string, nowMs: number): Place {
  if (text === "start" || text === "earliest") return "earliest";
  if (text === "end" || text === "latest") return "latest";
  if (/^@\d{1,16}$/.test(text)) return { offset: Number(text.slice(1)) };
  if (text.startsWith("-")) {
    const parsed = parseValue(flag, duration, text.slice(1));
    if ("value" in parsed) return { timestamp: nowMs - (parsed.value as number) };
  }
  if (rfc3339.test(text)) {
    const isZoned = /([Zz]|[+-]\d{2}:\d{2})$/.test(text) || !/\d:\d/.test(text);
    const timestamp = Date.parse(isZoned ? text : `${text.replace(" ", "T")}Z`);
    if (!Number.isNaN(timestamp)) return { timestamp };
  }
  throw new UsageError([`${flag} is start, end, @offset, a time as in 2026-05-01T12:00:00Z, or how long ago as in -2h, not "${text}"`]);
}
