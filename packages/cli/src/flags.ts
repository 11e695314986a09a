// What a flag is: a row of a table of literals. The command line, the environment, the help and the reference page derive from it.

import { type Property, parseValue } from "@varve/model";

export type Flag = {
  /** What it does; begins with a capital, ends without a full stop. */
  readonly about: string;
  readonly short?: string;
  /** The server's setting that it gives: the server's own loader reads the variable, knows the default and judges the value. */
  readonly setting?: string;
} & (
  | { readonly kind: "switch" }
  /** `many`: given several times, it is a list. `value` is the placeholder in the help. */
  | { readonly kind: "text"; readonly value: string; readonly many?: boolean; readonly default?: string }
  | { readonly kind: "choice"; readonly choices: readonly string[]; readonly default?: string }
  | {
      readonly kind: "count" | "ms" | "bytes";
      readonly value: string;
      readonly min: number;
      readonly max: number;
      readonly default?: number;
    }
);

export type FlagTable = Readonly<Record<string, Flag>>;

type Given<F extends Flag> = F extends { kind: "switch" }
  ? boolean
  : F extends { many: true }
    ? readonly string[]
    : F extends { kind: "text" }
      ? string
      : F extends { choices: readonly (infer C)[] }
        ? C
        : number;

type Certain = { kind: "switch" } | { many: true } | { default: string | number };

/** The values of a table's flags, each with the type that its row says; undefined where none was given and there is no default. */
export type FlagValues<T extends FlagTable> = { readonly [K in keyof T]: T[K] extends Certain ? Given<T[K]> : Given<T[K]> | undefined };

/** What was written for a flag: `true` for a switch, a text, or several. */
export type Written = string | true | readonly string[];

/** A flag's value from what was written, or a sentence that says what is wrong. @param source `--timeout` or `VARVE_TIMEOUT`. */
export function parseFlag(source: string, flag: Flag, written: Written): { value: unknown } | { problem: string } {
  if (flag.kind === "switch") {
    if (written === true) return { value: true };
    return parseValue(source, { type: "boolean", default: false, about: "", restart: false }, String(written));
  }
  if (flag.kind === "text" && flag.many === true) return { value: typeof written === "object" ? written : [String(written)] };
  const text = String(written);
  if (flag.kind === "text") return { value: text };
  return parseValue(source, propertyOf(flag), text);
}

function propertyOf(flag: Flag & { kind: "choice" | "count" | "ms" | "bytes" }): Property {
  const common = { about: flag.about, restart: false };
  if (flag.kind === "choice") return { ...common, type: "choice", choices: flag.choices, default: flag.choices[0]! };
  return { ...common, type: flag.kind, min: flag.min, max: flag.max, default: flag.min };
}

/** What a flag is when nobody says anything. */
export function defaultOf(flag: Flag): unknown {
  if (flag.kind === "switch") return false;
  if (flag.kind === "text" && flag.many === true) return [];
  return flag.default;
}

/** As it stands in the help: `-p, --partition <n>`. */
export function usageOf(name: string, flag: Flag): string {
  const value = flag.kind === "switch" ? "" : flag.kind === "choice" ? ` <${flag.choices.join("|")}>` : ` <${flag.value}>`;
  return `${flag.short === undefined ? "" : `-${flag.short}, `}--${name}${value}`;
}

/** The variable that stands for a flag: `VARVE_TIMEOUT`, or with its command's name before it: `VARVE_PRODUCE_ACKS`. */
export function variableOf(...words: readonly string[]): string {
  return `VARVE_${words.join("_").toUpperCase().replaceAll("-", "_")}`;
}
