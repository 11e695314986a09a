// From pairs of cells to figures: the median over pairs, the least and the most, and whether the goal is reached.

/** What a figure must be. Of a pair the ratio is ours divided by the floor's. */
export type Goal =
  | { readonly kind: "ratio at least" | "ratio at most"; readonly ratio: number }
  | { readonly kind: "at most"; readonly value: number }
  /** For orientation. */
  | { readonly kind: "shown" };

export interface Measure {
  readonly unit: string;
  readonly goal: Goal;
}

/** One pair's outcome for one measure. */
export interface Sample {
  readonly value: number;
  /** Of the bare loop beside it. */
  readonly floor?: number;
  /** The load generator had no time left and the server did: the value says nothing about the server. */
  readonly isLoadLimited?: boolean;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Median. */
  readonly value: number;
  /** Median; null without a bare loop. */
  readonly floor: number | null;
  /** Median of the pairs' ratios, not the ratio of medians: cells of a pair are neighbours in time. */
  readonly ratio: number | null;
  /** Of the ratio; of the value without one. */
  readonly min: number;
  readonly max: number;
  readonly reps: number;
  readonly goal: string;
  /** Null where nothing is asked, or the load generator was the limit. */
  readonly holds: boolean | null;
  readonly note?: string;
}

/** @param samples at least one. */
export function figureOf(name: string, { unit, goal }: Measure, samples: readonly Sample[]): Figure {
  const ratios = samples.flatMap(({ value, floor }) => (floor === undefined ? [] : [value / floor]));
  const floors = samples.flatMap(({ floor }) => (floor === undefined ? [] : [floor]));
  const values = samples.map(({ value }) => value);
  const ratio = ratios.length === 0 ? null : median(ratios);
  const value = median(values);
  const spread = ratio === null ? values : ratios;
  const isLoadLimited = samples.filter((sample) => sample.isLoadLimited).length * 2 > samples.length;
  const holds = isReached(goal, value, ratio);
  return {
    name,
    unit,
    value,
    floor: floors.length === 0 ? null : median(floors),
    ratio,
    min: Math.min(...spread),
    max: Math.max(...spread),
    reps: samples.length,
    goal: goal.kind === "shown" ? "shown" : `${goal.kind} ${goal.kind === "at most" ? goal.value : Number(goal.ratio.toFixed(2))}`,
    holds: isLoadLimited && holds === false ? null : holds,
    ...(isLoadLimited ? { note: "the load generator was the limit" } : {}),
  };
}

function isReached(goal: Goal, value: number, ratio: number | null): boolean | null {
  switch (goal.kind) {
    case "shown":
      return null;
    case "at most":
      return value <= goal.value;
    case "ratio at least":
      return ratio !== null && ratio >= goal.ratio;
    case "ratio at most":
      return ratio !== null && ratio <= goal.ratio;
  }
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
