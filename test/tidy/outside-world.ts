// Who may touch the outside world: Node's modules, clocks, timers, chance, the process, the console. Every other room is
// given ports, so that it runs in simulation and a seed repeats it.

import { type Source, sourceOf, type Token } from "./source.ts";
import { partOf, type Rule, sources } from "./tree.ts";

/** The rooms that may. A package's tests, test/, bench/ and deploy/ may too: nobody simulates them. */
const rooms = [
  "packages/runtime/src/node/",
  "packages/transport-grpc/src/grpc-js/",
  "packages/server/src/",
  "packages/cli/src/",
  "packages/load/src/",
];

const portOf = {
  time: "take a Clock (runtime/src/clock.ts)",
  chance: "take an Entropy (runtime/src/entropy.ts)",
  bytes: "use Uint8Array and DataView",
  process: "take the value as an argument; what belongs to a process lives in server or cli",
  log: "take a Logger (runtime/src/logger.ts)",
  order: "compare code units, so that every machine and seed sorts alike",
} as const;

/** Names of the platform's globals → what to use instead. */
const globals: Readonly<Record<string, string>> = {
  Date: portOf.time,
  performance: portOf.time,
  setTimeout: portOf.time,
  setInterval: portOf.time,
  setImmediate: portOf.time,
  clearTimeout: portOf.time,
  clearInterval: portOf.time,
  clearImmediate: portOf.time,
  queueMicrotask: portOf.time,
  Temporal: portOf.time,
  crypto: portOf.chance,
  Buffer: portOf.bytes,
  process: portOf.process,
  globalThis: portOf.process,
  console: portOf.log,
  WeakRef: "own what you hold and dispose it; when garbage goes is no one's to say",
  FinalizationRegistry: "own what you hold and dispose it; when garbage goes is no one's to say",
  Intl: portOf.order,
};

/** Members that do the same through another name. */
const members: Readonly<Record<string, string>> = {
  "Math.random": portOf.chance,
  "AbortSignal.timeout": portOf.time,
  "Atomics.wait": portOf.time,
};

const methods: Readonly<Record<string, string>> = { localeCompare: portOf.order, toLocaleString: portOf.order };

function isMember(tokens: readonly Token[], at: number): boolean {
  return tokens[at - 1]?.text === "." || tokens[at - 1]?.text === "?.";
}

/** `{ process: 1 }`, `process(batch)`, `function process`: a name of our own that happens to be one of the platform's. */
function isOwnName(tokens: readonly Token[], at: number): boolean {
  const next = tokens[at + 1]?.text;
  if (next === ":" || (next === "?" && tokens[at + 2]?.text === ":")) return true;
  return tokens[at]!.text === "process" && next === "(";
}

interface Finding {
  readonly line: number;
  readonly what: string;
  readonly instead: string;
}

function findings(source: Source): readonly Finding[] {
  const found: Finding[] = [];
  for (const { specifier, line } of source.imports) {
    if (specifier.startsWith("node:")) found.push({ line, what: `"${specifier}"`, instead: "take a port of runtime" });
  }
  source.tokens.forEach((token, at) => {
    if (token.kind !== "word") return;
    if (isMember(source.tokens, at)) {
      const member = `${source.tokens[at - 2]?.text}.${token.text}`;
      const instead = members[member] ?? (Object.hasOwn(methods, token.text) ? methods[token.text] : undefined);
      if (instead !== undefined) found.push({ line: token.line, what: member, instead });
    } else if (Object.hasOwn(globals, token.text) && !isOwnName(source.tokens, at)) {
      found.push({ line: token.line, what: token.text, instead: globals[token.text]! });
    }
  });
  return found;
}

/** Production code outside the rooms above names nothing of the platform. */
export const portsOnly: Rule = (tree) =>
  sources(tree)
    .filter((path) => partOf(path) === "src" && !rooms.some((room) => path.startsWith(room)))
    .flatMap((path) =>
      findings(sourceOf(tree.read(path))).map(({ line, what, instead }) => `${path}:${line}: ${what} is the outside world: ${instead}`),
    );
