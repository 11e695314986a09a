// What a command is: its words on the command line, and where its work is to be found when it is called.

import { type FlagTable, type FlagValues, variableOf } from "./flags.ts";
import type { Output } from "./output.ts";

export interface Argument {
  /** `<topic>`: needed, `[file]`: may be missing, `<topic...>`: one or more. */
  readonly usage: string;
  readonly about: string;
}

/** One call of a command. */
export interface Invocation<F extends FlagTable> {
  readonly args: readonly string[];
  readonly flags: FlagValues<F>;
  /** Where data goes. */
  readonly output: Output;
  /** Where everything else goes: one line to a person. */
  readonly say: (line: string) => void;
  /** What is a flag's of another command left out. */
  readonly environment: ReadonlyMap<string, string>;
  /** Aborts when the person or the system wants it to end. */
  readonly signal: AbortSignal;
}

/** @returns the exit code. */
export type Run<F extends FlagTable> = (invocation: Invocation<F>) => Promise<number>;

export interface Command {
  /** `topic create` */
  readonly path: readonly [string, ...string[]];
  readonly alias?: string;
  readonly about: string;
  readonly arguments: readonly Argument[];
  readonly flags: FlagTable;
  /** Which flags stand for a variable of their own name alone, as `VARVE_TIMEOUT`: those that mean the same in every command. */
  readonly shared: readonly string[];
  /** What follows `varve `. */
  readonly example: string;
  readonly load: () => Promise<Run<FlagTable>>;
}

interface Definition<F extends FlagTable> extends Omit<Command, "flags" | "load" | "arguments" | "path" | "shared"> {
  /** Words with spaces between them. */
  readonly path: string;
  readonly arguments?: readonly Argument[];
  readonly flags: F;
  readonly shared?: readonly string[];
  readonly load: () => Promise<{ readonly run: Run<F> }>;
}

/** Binds a command's flags to the work that takes them. */
export function command<F extends FlagTable>({ load, path, arguments: args = [], shared = [], ...rest }: Definition<F>): Command {
  return {
    ...rest,
    path: path.split(" ") as [string, ...string[]],
    arguments: args,
    shared,
    load: async () => (await load()).run as unknown as Run<FlagTable>,
  };
}

/** The variable that stands for a flag of a command. */
export function flagVariable({ path, shared }: Command, name: string): string {
  return shared.includes(name) ? variableOf(name) : variableOf(...path, name);
}

/** A command line that cannot be carried out. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("; "));
    this.problems = problems;
  }
}
