// `varve errors`: the error table, or one row of it by name or number.

import { errorTable } from "@varve/model";
import type { Invocation } from "../command.ts";
import { CommandError } from "../failure.ts";
import type { formatFlags } from "../flag-tables.ts";
import { table } from "../table.ts";

interface Row {
  readonly name: string;
  readonly code: number;
  readonly retriable: boolean;
  readonly about: string;
}

export async function run({ args, flags, output }: Invocation<typeof formatFlags>): Promise<number> {
  const rows: readonly Row[] = Object.entries(errorTable).map(([name, row]) => ({ name, ...row }));
  const [asked] = args;
  if (asked === undefined) {
    if (flags.format === "json") output.json(rows);
    else output.print(table(["CODE", "NAME", "RETRIABLE", "ABOUT"], rows.map(cells)));
    return 0;
  }
  const row = rows.find(({ name, code }) => name === asked.toUpperCase() || String(code) === asked);
  if (row === undefined)
    throw new CommandError("notFound", `there is no error ${asked}${nearest(asked, rows)}; \`varve errors\` lists all`);
  if (flags.format === "json") output.json(row);
  else output.print(`${row.name} (${row.code}), ${row.retriable ? "retriable" : "not retriable"}\n${row.about}`);
  return 0;
}

function cells({ code, name, retriable, about }: Row): readonly (string | number)[] {
  return [code, name, retriable ? "yes" : "no", about];
}

function nearest(asked: string, rows: readonly Row[]): string {
  const words = asked
    .toUpperCase()
    .split(/[^A-Z]+/)
    .filter((word) => word.length > 3);
  const near = rows.filter(({ name }) => words.some((word) => name.includes(word))).map(({ name }) => name);
  return near.length === 0 ? "" : `; perhaps ${near.slice(0, 3).join(", ")}`;
}
