// Shows what the frames of a partition amount to: which place is trusted, which batches are written again, where the log begins.

import type { Offset } from "@varve/model";
import { expect, test } from "vitest";
import { Fold, type KnownPartition, type Outcome } from "../../src/journal/fold.ts";
import type { Frame, Mark } from "../../src/journal/frame.ts";

const key = "AAAAAAAAAAAAAAAAAAAAAA-0";
const offset = (value: number) => value as Offset;
const fresh: KnownPartition = { incarnation: 1, mark: undefined, start: undefined };
const mark = (end: number, covers: number): Mark => ({
  position: { offset: offset(end), segmentBase: offset(0), bytes: end * 100 },
  covers,
});

type Written =
  | { kind: "append" }
  | { kind: "truncate"; end: number }
  | { kind: "reset" | "start"; start: number }
  | { kind: "mark"; mark: Mark }
  | { kind: "create" | "drop" };

/** Frames from lsn 2 on, all of one round. */
function fold(
  known: KnownPartition | undefined,
  frames: readonly Written[],
  firstLsn = 2,
): { readonly fold: Fold; readonly outcome: Outcome | undefined } {
  const folded = new Fold(new Map(known === undefined ? [] : [[key, known]]));
  frames.forEach((frame, index) => {
    const common = { lsn: firstLsn + index, round: 2, key };
    if (frame.kind === "append") folded.add({ ...common, kind: "append", segmentBase: offset(0), batches: new Uint8Array(0) });
    else folded.add({ ...common, leaderEpoch: 0, ...frame } as unknown as Frame);
  });
  return { fold: folded, outcome: folded.outcomes().get(key) };
}

test("without a frame or a mark the log is scanned from its beginning", () => {
  expect(fold(fresh, []).outcome).toEqual({
    kind: "present",
    trusted: { kind: "offset", offset: 0 },
    resetAt: undefined,
    logStart: 0,
    isBounded: false,
    lastLsn: 1,
  });
});

test("appends behind the mark are written again, those that it covers are not", () => {
  const { fold: folded, outcome } = fold({ ...fresh, mark: mark(5, 3) }, [{ kind: "append" }, { kind: "append" }, { kind: "append" }]);
  expect(outcome).toMatchObject({ trusted: { kind: "position", position: { offset: 5 } }, isBounded: true, lastLsn: 4 });
  expect([2, 3, 4].map((lsn) => folded.redo().limit(key, lsn))).toEqual([undefined, undefined, Number.POSITIVE_INFINITY]);
});

test("a mark voids what it covers, not what was put between the sync and the mark", () => {
  const { fold: folded, outcome } = fold(fresh, [{ kind: "append" }, { kind: "append" }, { kind: "mark", mark: mark(5, 2) }]);
  expect(outcome).toMatchObject({ trusted: { kind: "position", position: { offset: 5 } }, isBounded: true });
  expect([2, 3].map((lsn) => folded.redo().limit(key, lsn))).toEqual([undefined, Number.POSITIVE_INFINITY]);
});

test("where all is covered by a mark, what stands behind it is adopted", () => {
  expect(fold(fresh, [{ kind: "append" }, { kind: "mark", mark: mark(5, 2) }]).outcome).toMatchObject({ isBounded: false });
});

test("an older mark does not take the place of a newer one", () => {
  const { outcome } = fold({ ...fresh, mark: mark(9, 1) }, [{ kind: "mark", mark: mark(5, 1) }]);
  expect(outcome).toMatchObject({ trusted: { position: { offset: 9 } } });
});

test("an append that a later truncation undid is gone, one that it left in part ends there", () => {
  const { fold: folded, outcome } = fold({ ...fresh, mark: mark(5, 1) }, [
    { kind: "append" },
    { kind: "append" },
    { kind: "truncate", end: 7 },
    { kind: "append" },
  ]);
  expect(outcome).toMatchObject({ trusted: { kind: "position", position: { offset: 5 } }, isBounded: true });
  expect([2, 3, 5].map((lsn) => folded.redo().limit(key, lsn))).toEqual([7, 7, Number.POSITIVE_INFINITY]);
});

test("a truncation below the mark is the new mark, and what came before it is not written again", () => {
  const { fold: folded, outcome } = fold({ ...fresh, mark: mark(50, 1) }, [
    { kind: "append" },
    { kind: "truncate", end: 20 },
    { kind: "append" },
  ]);
  expect(outcome).toMatchObject({ trusted: { kind: "offset", offset: 20 }, resetAt: undefined, isBounded: true });
  expect([2, 4].map((lsn) => folded.redo().limit(key, lsn))).toEqual([undefined, Number.POSITIVE_INFINITY]);
});

test("a reset makes everything before it void and moves both ends", () => {
  const { fold: folded, outcome } = fold({ ...fresh, mark: mark(50, 1), start: { offset: offset(10), lsn: 1 } }, [
    { kind: "append" },
    { kind: "reset", start: 7 },
    { kind: "append" },
  ]);
  expect(outcome).toMatchObject({ trusted: { kind: "offset", offset: 7 }, resetAt: 7, logStart: 7, isBounded: true });
  expect([2, 4].map((lsn) => folded.redo().limit(key, lsn))).toEqual([undefined, Number.POSITIVE_INFINITY]);
});

test("a log start only rises, but for a reset, and one that the checkpoint knows better is left alone", () => {
  expect(
    fold(fresh, [
      { kind: "start", start: 5 },
      { kind: "start", start: 3 },
    ]).outcome,
  ).toMatchObject({ logStart: 5 });
  expect(fold({ ...fresh, start: { offset: offset(9), lsn: 2 } }, [{ kind: "start", start: 5 }]).outcome).toMatchObject({ logStart: 9 });
  expect(fold({ ...fresh, start: { offset: offset(9), lsn: 2 } }, [{ kind: "append" }, { kind: "reset", start: 4 }]).outcome).toMatchObject(
    { logStart: 4 },
  );
});

test("a raised log start alone does not say where the log ends", () => {
  expect(fold(fresh, [{ kind: "start", start: 5 }]).outcome).toMatchObject({ isBounded: false, trusted: { kind: "offset", offset: 0 } });
});

test("frames, marks and log starts of an earlier life of the same id are nothing to the new one", () => {
  const known: KnownPartition = { incarnation: 6, mark: mark(80, 3), start: { offset: offset(40), lsn: 4 } };
  const { fold: folded, outcome } = fold(known, [
    { kind: "append" },
    { kind: "truncate", end: 3 },
    { kind: "start", start: 2 },
    { kind: "drop" },
    { kind: "create" },
    { kind: "append" },
  ]);
  expect(outcome).toEqual({
    kind: "present",
    trusted: { kind: "offset", offset: 0 },
    resetAt: undefined,
    logStart: 0,
    isBounded: true,
    lastLsn: 7,
  });
  expect([2, 7].map((lsn) => folded.redo().limit(key, lsn))).toEqual([undefined, Number.POSITIVE_INFINITY]);
});

test("a partition that was dropped is gone, whether its folder is still there or not", () => {
  expect(fold(fresh, [{ kind: "append" }, { kind: "drop" }]).outcome).toEqual({ kind: "gone" });
  const without = fold(undefined, [{ kind: "append" }, { kind: "drop" }, { kind: "create" }]).fold;
  expect([[...without.dropped], [...without.missing]]).toEqual([[key], []]);
});

test("frames of a partition that has neither a folder nor a drop say that its folder is missing", () => {
  expect([...fold(undefined, [{ kind: "create" }, { kind: "append" }]).fold.missing]).toEqual([key]);
  expect([...fold(undefined, [{ kind: "create" }]).fold.missing]).toEqual([]);
});
