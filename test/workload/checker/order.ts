// Checks of order: what one consumer reads, and what one producer sends, key by key.

import type { Key, Value } from "../history.ts";
import type { Report } from "./anomaly.ts";
import type { Consumer, Prepared, ReadValue, SentValue } from "./prepare.ts";
import type { Versions } from "./versions.ts";

/** int-poll-skip, int-nonmonotonic-poll, poll-skip, nonmonotonic-poll; and offset-gap where offsets have no holes. */
export function checkPollOrder(prepared: Prepared, versions: Versions, hasHoles: boolean, report: Report): void {
  for (const consumer of prepared.consumers) {
    const last = new Map<Key, ReadValue>();
    for (const read of consumer.reads) {
      const before = last.get(read.key);
      last.set(read.key, read);
      if (before === undefined) continue;
      const resumedAt = resumePoint(consumer, before, read);
      const where = () => `after value ${before.value} at ${before.offset} came value ${read.value} at ${read.offset}`;
      if (!hasHoles && read.offset !== before.offset + 1 && !resumedAt) report("offset-gap", read.key, where());
      const isInside = before.poll === read.poll;
      // What a death may have undone since is in no order with what stands there now.
      if (prepared.happened(read.undoneBy, read.invoked, Number.POSITIVE_INFINITY)) continue;
      // A producer that is not idempotent may have stored one value twice; only its first place counts in the order of values.
      if (!isOnce(prepared, before.value) || !isOnce(prepared, read.value)) continue;
      const step = distance(versions, read.key, before.value, read.value);
      if (step > 1 && !resumedAt) report(isInside ? "int-poll-skip" : "poll-skip", read.key, where());
      if (step < 1) report(isInside ? "int-nonmonotonic-poll" : "nonmonotonic-poll", read.key, where());
    }
  }
}

function isOnce(prepared: Prepared, value: Value): boolean {
  return prepared.sends.get(value)?.isIdempotent ?? true;
}

/** Whether the consumer stepped over damage between the two, once or several times in a row, as far as it was told to and no further. */
function resumePoint(consumer: Consumer, before: ReadValue, read: ReadValue): boolean {
  let offset = before.offset + 1;
  for (let skip = skipAt(consumer, read.key, offset); skip !== undefined; skip = skipAt(consumer, read.key, offset)) offset = skip.resumeAt;
  return offset > before.offset + 1 && offset === read.offset;
}

function skipAt({ skips }: Consumer, key: Key, offset: number): Consumer["skips"][number] | undefined {
  return skips.find((skip) => skip.key === key && skip.damagedFrom === offset && skip.resumeAt > offset);
}

/** int-nonmonotonic-send, nonmonotonic-send and int-send-skip, of idempotent producers. */
export function checkSendOrder(prepared: Prepared, versions: Versions, report: Report): void {
  const last = new Map<string, SentValue>();
  for (const send of prepared.sends.values()) {
    if (!send.isIdempotent || send.outcome === "fail") continue;
    // A value that is known at no offset says nothing about order: Jepsen's rule, "delta counts as 1".
    if ((send.isPlaced && send.outcome !== "ok") || versions.settled.get(send.key)?.index(send.value) === undefined) continue;
    const series = `${send.producer} ${send.key}`;
    const before = last.get(series);
    last.set(series, send);
    if (before === undefined) continue;
    const step = distance(versions, send.key, before.value, send.value);
    const isInside = before.call === send.call;
    const where = `producer ${send.producer} sent value ${before.value} before value ${send.value}`;
    if (step > 1 && isInside) report("int-send-skip", send.key, where);
    if (step < 1) report(isInside ? "int-nonmonotonic-send" : "nonmonotonic-send", send.key, where);
  }
}

/** How many known values further `to` stands than `from`; 1 when one of them is not known. */
function distance(versions: Versions, key: Key, from: Value, to: Value): number {
  const version = versions.settled.get(key);
  const [start, end] = [version?.index(from), version?.index(to)];
  return start === undefined || end === undefined ? 1 : end - start;
}
