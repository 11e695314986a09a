// What the bench prints and keeps: a table to read, and a file of JSON for each row.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Figure } from "./figures.ts";
import type { Machine } from "./machine.ts";

export interface RowResult {
  readonly row: string;
  readonly about: string;
  /** ISO 8601. */
  readonly at: string;
  readonly machine: Machine;
  readonly warmupSeconds: number;
  readonly seconds: number;
  /** Pairs that count although the machine did something else too: a row with such says little. */
  readonly noisyReps: number;
  readonly figures: readonly Figure[];
}

export function saveResult(folder: string, result: RowResult): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${result.row}.json`), `${JSON.stringify(result, null, 2)}\n`);
}

export function tableOf({ row, about, noisyReps, figures }: RowResult): string {
  const reps = figures[0]?.reps ?? 0;
  const noise = noisyReps === 0 ? "" : `; ${noisyReps} beside other work`;
  const lines = figures.map((figure) => {
    const of = figure.ratio === null ? "value" : "ratio";
    const ratio = figure.ratio === null ? "" : short(figure.ratio);
    const spread = `${of} ${short(figure.min)}–${short(figure.max)}`;
    const holds = figure.holds === null ? (figure.note ?? "") : figure.holds ? "yes" : "NO";
    const cells = [figure.name, `${short(figure.value)} ${figure.unit}`, figure.floor === null ? "" : short(figure.floor), ratio, spread];
    return `| ${[...cells, figure.goal, holds].join(" | ")} |`;
  });
  const head = ["| measure | median | floor | ratio | min–max | goal | holds |", "|---|---|---|---|---|---|---|"];
  return [`${row}: ${about} (${reps} pairs${noise})`, "", ...head, ...lines, ""].join("\n");
}

function short(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}
