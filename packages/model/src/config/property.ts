// What one configuration property is: a row of a table of literals. Types, parser, help and the reference page derive from it.

interface Common {
  /** A sentence for the operator. */
  readonly about: string;
  /** Whether a change needs a restart of the process. */
  readonly restart: boolean;
}

export type Property = Common &
  (
    | { readonly type: "bytes" | "ms" | "count"; readonly default: number; readonly min: number; readonly max: number }
    | { readonly type: "text"; readonly default: string }
    | { readonly type: "boolean"; readonly default: boolean }
    | { readonly type: "choice"; readonly choices: readonly string[]; readonly default: string }
    | { readonly type: "list"; readonly choices?: readonly string[]; readonly default: readonly string[] }
  );

export type Table = Readonly<Record<string, Property>>;

type ValueOf<P extends Property> = P extends { type: "choice"; choices: readonly (infer C)[] }
  ? C
  : P extends { type: "list"; choices: readonly (infer C)[] }
    ? readonly C[]
    : P extends { type: "list" }
      ? readonly string[]
      : P extends { type: "text" }
        ? string
        : P extends { type: "boolean" }
          ? boolean
          : number;

/** The values of a table, each with the type that its row says. */
export type Values<T extends Table> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** Every property at its default. */
export function defaults<T extends Table>(table: T): Values<T> {
  return Object.fromEntries(Object.entries(table).map(([key, property]) => [key, property.default])) as Values<T>;
}

const units: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  bytes: { "": 1, B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 },
  ms: { "": 1, ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
  count: { "": 1 },
};

/** One value from its text ("64MiB", "7d", "true", "a,b"). @returns the value, or a sentence that says what is wrong. */
export function parseValue(key: string, property: Property, text: string): { value: unknown } | { problem: string } {
  switch (property.type) {
    case "text":
      return { value: text };
    case "boolean":
      if (text === "true" || text === "1") return { value: true };
      if (text === "false" || text === "0") return { value: false };
      return { problem: `${key} is true or false, not "${text}"` };
    case "choice":
      if (property.choices.includes(text)) return { value: text };
      return { problem: `${key} is one of ${property.choices.join(", ")}, not "${text}"` };
    case "list": {
      const items = text === "" ? [] : text.split(",").map((item) => item.trim());
      const strange = items.find((item) => item === "" || (property.choices !== undefined && !property.choices.includes(item)));
      if (strange === undefined) return { value: items };
      return { problem: `${key} lists ${property.choices?.join(", ") ?? "names"} between commas, not "${strange}"` };
    }
    default: {
      const match = /^(-?[0-9]+)([a-zA-Z]*)$/.exec(text);
      const unit = match === null ? undefined : units[property.type]![match[2]!];
      if (match === null || unit === undefined) {
        const names = Object.keys(units[property.type]!).filter((name) => name !== "");
        return {
          problem: `${key} is a whole number${names.length > 0 ? `, with or without one of ${names.join(", ")}` : ""}, not "${text}"`,
        };
      }
      const value = Number(match[1]) * unit;
      // `-0` would print and compare oddly further on.
      return checkNumber(key, property, value === 0 ? 0 : value);
    }
  }
}

function checkNumber(key: string, { min, max }: { min: number; max: number }, value: number): { value: number } | { problem: string } {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return { value };
  return { problem: `${key} lies between ${min} and ${max}, not at ${value}` };
}

/** A value as `parseValue` reads it. */
export function printValue(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : String(value);
}
