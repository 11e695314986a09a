// Who may import whom: the table of the design ("The tree") as data, and the rule that holds every import and every
// package.json to it. Its sentences are what a violation is answered with.

import { type Import, sourceOf } from "./source.ts";
import { packageOf, partOf, type Rule, sources, type Tree } from "./tree.ts";

export interface Room {
  readonly layer: number;
  /** What the package is for, so that a violation can say where the code belongs. */
  readonly job: string;
  readonly mayImport: readonly string[];
}

// biome-ignore format: two lines rather than a tower
const below5 = [
  "model", "proto", "raft", "record", "runtime", "log", "metadata", "api", "controller", "partition", "group",
  "transport-grpc", "transport-kafka", "broker",
] as const;

export const rooms: Readonly<Record<string, Room>> = {
  model: { layer: 0, job: "our words: ids, offsets, error table, configuration tables", mayImport: [] },
  runtime: { layer: 1, job: "the outside world as ports, and their Node implementations", mayImport: ["model"] },
  record: { layer: 1, job: "record batches as bytes", mayImport: ["model"] },
  raft: { layer: 1, job: "consensus; no I/O, no clock, no promises", mayImport: ["model"] },
  proto: { layer: 1, job: "the gRPC contract as TypeScript", mayImport: ["model"] },
  api: { layer: 2, job: "the operations that a cluster offers, in no protocol", mayImport: ["model", "record"] },
  log: { layer: 2, job: "one partition on one disk", mayImport: ["model", "runtime", "record"] },
  metadata: { layer: 2, job: "metadata records → immutable image and delta", mayImport: ["model", "proto"] },
  sim: { layer: 2, job: "the ports of runtime, made of memory and a seed", mayImport: ["model", "runtime"] },
  controller: {
    layer: 3,
    job: "the quorum that owns cluster metadata",
    mayImport: ["model", "runtime", "record", "raft", "metadata", "api"],
  },
  partition: { layer: 3, job: "one replicated partition", mayImport: ["model", "runtime", "record", "log", "metadata", "api"] },
  group: { layer: 3, job: "consumer groups as a state machine", mayImport: ["model", "runtime", "record", "metadata", "api"] },
  "transport-grpc": { layer: 3, job: "the api over gRPC, both ends", mayImport: ["model", "runtime", "proto", "api"] },
  "transport-kafka": { layer: 3, job: "the api behind the Kafka wire protocol", mayImport: ["model", "runtime", "record", "api"] },
  broker: {
    layer: 4,
    job: "answers requests; turns metadata changes into partitions and groups",
    mayImport: ["model", "runtime", "record", "log", "metadata", "api", "partition", "group"],
  },
  client: { layer: 4, job: "producer, consumer, admin: the SDK", mayImport: ["model", "runtime", "record", "api", "transport-grpc"] },
  server: { layer: 5, job: "composes one process from configuration", mayImport: below5 },
  replay: { layer: 5, job: "plan, run, diff, verify", mayImport: ["model", "runtime", "record", "api", "client"] },
  load: { layer: 5, job: "workloads, open-loop schedule, histograms", mayImport: ["model", "runtime", "record", "api", "client"] },
  cli: { layer: 6, job: "the varve command", mayImport: ["server", "client", "replay", "load", ...below5] },
  testing: { layer: 6, job: "a whole cluster inside a test", mayImport: ["server", "client", "sim", ...below5] },
};

/** The simulator, with what a test must name to use it; a package's own tests may import these, its src never sim. */
const simForTests = ["sim", "runtime", "model"];

/** Rooms with an entry for Node beside the one for any ports. */
const nodeRooms: readonly string[] = ["runtime", "server"];

/**
 * Who may reach Node through a room's `/node`, by path: everyone else is given ports. `lazy` means inside a function,
 * by `await import(…)`, so that loading the module loads no Node.
 */
const nodeEntry: readonly { readonly path: RegExp; readonly how: "any" | "lazy" }[] = [
  { path: /^packages\/client\/src\//, how: "lazy" },
  { path: /^packages\/server\/src\/node(\/|\.ts$)/, how: "any" },
  { path: /^packages\/server\/src\//, how: "lazy" },
  { path: /^packages\/(cli|load)\/src\//, how: "any" },
  { path: /^(packages\/[^/]+\/test|test|bench|deploy)\//, how: "any" },
];

interface Reference {
  readonly room: string;
  readonly entry: string;
}

/** `@varve/log/contract` → log, contract; undefined for what is no package of ours. */
export function roomOf(specifier: string): Reference | undefined {
  const match = /^@varve\/([^/]+)(?:\/(.+))?$/.exec(specifier);
  return match === null ? undefined : { room: match[1]!, entry: match[2] ?? "." };
}

function mayImport(from: string, to: string, part: "src" | "test"): boolean {
  if (from === to && part === "test") return true;
  return rooms[from]!.mayImport.includes(to) || (part === "test" && simForTests.includes(to));
}

function sentence(from: string, to: string): string {
  const { layer, mayImport: allowed } = rooms[from]!;
  const list = allowed.length === 0 ? "nothing" : allowed.join(", ");
  const way = rooms[to]!.layer >= layer ? "imports go down only, never sideways" : "this room does without it";
  return `${from} (layer ${layer}) may import ${list}, not ${to} (layer ${rooms[to]!.layer}, ${rooms[to]!.job}): ${way}. Let whoever composes the two pass in what is needed, or move the code to the room whose job it is.`;
}

function violationOf(tree: Tree, path: string, reference: Import): string | undefined {
  const { specifier } = reference;
  const target = roomOf(specifier);
  const folder = packageOf(path);
  if (target === undefined) return specifier.startsWith(".") ? crossing(path, folder, specifier) : undefined;
  const to = rooms[target.room];
  if (to === undefined) return `there is no package @varve/${target.room}; the rooms are in test/tidy/layers.ts`;
  if (!tree.has(`packages/${target.room}/package.json`)) return `packages/${target.room} does not exist yet`;
  const from = folder?.startsWith("packages/") ? folder.slice("packages/".length) : undefined;
  const part = partOf(path) === "src" ? "src" : "test";
  if (from !== undefined && rooms[from] !== undefined && !mayImport(from, target.room, part)) return sentence(from, target.room);
  return entryViolation(path, target, reference);
}

/** Says what `varve` runs. deploy/ is no package, and who starts Varve as a person does (bench, test) asks it. */
const programFile = "deploy/program.mjs";

function crossing(path: string, folder: string | undefined, specifier: string): string | undefined {
  if (folder === undefined) return undefined;
  const resolved = new URL(specifier, `file:///${path}`).pathname.slice(1);
  if (resolved.startsWith(`${folder}/`)) return undefined;
  if (resolved === programFile && !folder.startsWith("packages/")) return undefined;
  return `"${specifier}" leaves ${folder}: import the package by its name, or move the file`;
}

function entryViolation(path: string, target: Reference, reference: Import): string | undefined {
  switch (target.entry) {
    case ".":
      return undefined;
    case "contract":
      return partOf(path) === "test" ? undefined : "a contract suite is for tests: import it from a test only";
    case "node": {
      if (!nodeRooms.includes(target.room)) return `only ${nodeRooms.join(" and ")} have a /node entry, ${target.room} has none`;
      const allowed = nodeEntry.find((row) => row.path.test(path))?.how;
      if (allowed === "any" || (allowed === "lazy" && reference.kind !== "static")) return undefined;
      return allowed === "lazy"
        ? `@varve/${target.room}/node is loaded here by "await import(…)" only, so that this module runs in simulation`
        : `@varve/${target.room}/node is for those who start a process (client, server's node entry, cli, load, tests, bench): take the ports as an argument`;
    }
    default:
      return `"${target.entry}" is no entry point: import from "@varve/${target.room}" (or its /contract, or runtime's /node)`;
  }
}

/** Every import of every source file keeps to the table. */
export const importsGoDown: Rule = (tree) =>
  sources(tree).flatMap((path) =>
    sourceOf(tree.read(path)).imports.flatMap((reference) => {
      const violation = violationOf(tree, path, reference);
      return violation === undefined ? [] : [`${path}:${reference.line}: ${violation}`];
    }),
  );

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly exports?: Readonly<Record<string, unknown>>;
}

/** Every package.json of a room keeps to the table, and offers no entry points but the known ones. */
export const manifestsGoDown: Rule = (tree) =>
  tree.paths.flatMap((path) => {
    const from = /^packages\/([^/]+)\/package\.json$/.exec(path)?.[1];
    if (from === undefined) return [];
    if (rooms[from] === undefined) return [`${path}: ${from} is in no layer; add it to the design and to test/tidy/layers.ts`];
    const manifest = JSON.parse(tree.read(path)) as Manifest;
    const found: string[] = [];
    for (const [names, part] of [
      [manifest.dependencies, "src"],
      [manifest.devDependencies, "test"],
    ] as const) {
      for (const name of Object.keys(names ?? {})) {
        const to = roomOf(name)?.room;
        if (to === undefined) continue;
        if (rooms[to] === undefined) found.push(`${path}: there is no package ${name}`);
        else if (!mayImport(from, to, part)) found.push(`${path}: ${sentence(from, to)}`);
      }
    }
    const entries = [".", "./contract", "./package.json", ...(nodeRooms.includes(from) ? ["./node"] : [])];
    for (const entry of Object.keys(manifest.exports ?? {})) {
      if (!entries.includes(entry)) found.push(`${path}: "${entry}" is no entry point; there are ${entries.join(", ")}`);
    }
    return found;
  });

/** The table itself: each room imports only rooms of lower layers, so that no circle can close. */
export function tableIsSound(table: Readonly<Record<string, Room>>): readonly string[] {
  return Object.entries(table).flatMap(([from, { layer, mayImport: allowed }]) =>
    allowed.flatMap((to) => {
      const other = table[to];
      if (other === undefined) return [`${from} may import ${to}, which is no room`];
      return other.layer < layer ? [] : [`${from} (layer ${layer}) may import ${to} (layer ${other.layer}), which is not below it`];
    }),
  );
}
