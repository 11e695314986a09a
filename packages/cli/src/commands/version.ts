// `varve version`: which Varve this is, and on which Node it runs.

import { readFileSync } from "node:fs";
import process from "node:process";
import type { Invocation } from "../command.ts";
import type { formatFlags } from "../flag-tables.ts";

export async function run({ flags, output }: Invocation<typeof formatFlags>): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
  const versions = { varve: version, node: process.versions.node };
  if (flags.format === "json") output.json(versions);
  else output.print(`varve ${versions.varve} on Node ${versions.node}`);
  return 0;
}
