// What the package.json files promise against what the files import: nothing missing, nothing left over, one version of
// everything, and the parts that the product is built of really built in.

import { sourceOf } from "./source.ts";
import { packageOf, partOf, type Rule, sources, type Tree } from "./tree.ts";

/** Each carries a piece of the product, so production code imports it. */
const builtOf = ["@grpc/grpc-js", "@grpc/proto-loader", "protobufjs", "level", "pino"];

/** Dependencies of the root that are run, or imported by deploy/, which is no package. */
const programs = ["node", "@biomejs/biome", "@types/node", "rolldown", "typescript", "vitest"];

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

function manifestOf(tree: Tree, path: string): Manifest {
  return tree.has(path) ? (JSON.parse(tree.read(path)) as Manifest) : {};
}

const namesOf = (versions: Readonly<Record<string, string>> | undefined): readonly string[] => Object.keys(versions ?? {});

/** `@varve/log/contract` → `@varve/log`; undefined for a path, a Node module and a package's own name for itself. */
function dependencyOf(specifier: string): string | undefined {
  if (specifier.startsWith(".") || specifier.startsWith("node:")) return undefined;
  return /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0];
}

function packagesOf(tree: Tree): readonly string[] {
  return tree.paths.filter((path) => path.endsWith("/package.json") && packageOf(path) !== undefined).map((path) => packageOf(path)!);
}

interface Use {
  readonly path: string;
  readonly line: number;
  readonly name: string;
  readonly isProduction: boolean;
}

function usesIn(tree: Tree, folder: string): readonly Use[] {
  return sources(tree)
    .filter((path) => path.startsWith(`${folder}/`))
    .flatMap((path) =>
      sourceOf(tree.read(path)).imports.flatMap(({ specifier, line }) => {
        const name = dependencyOf(specifier);
        // Contract suites lie in src because other packages run them, but they are tests.
        const isProduction = partOf(path) === "src" && !path.startsWith(`${folder}/src/contract/`);
        return name === undefined ? [] : [{ path, line, name, isProduction }];
      }),
    );
}

/** What is imported is declared: by production code under `dependencies`, by tests there, under `devDependencies` or at the root. */
export const importsAreDeclared: Rule = (tree) => {
  const atRoot = namesOf(manifestOf(tree, "package.json").devDependencies);
  return packagesOf(tree).flatMap((folder) => {
    const { dependencies, devDependencies } = manifestOf(tree, `${folder}/package.json`);
    const own = `@varve/${folder.replace("packages/", "")}`;
    const forTests = [...namesOf(dependencies), ...namesOf(devDependencies), ...atRoot, own];
    return usesIn(tree, folder).flatMap(({ path, line, name, isProduction }) => {
      if ((isProduction ? namesOf(dependencies) : forTests).includes(name)) return [];
      return [
        `${path}:${line}: imports ${name}: add it to "${isProduction ? "dependencies" : "devDependencies"}" of ${folder}/package.json`,
      ];
    });
  });
};

/** What is declared is imported: `dependencies` by production code, `devDependencies` by tests, the root's by anyone or run. */
export const declaredIsImported: Rule = (tree) => {
  const found: string[] = [];
  const everywhere = new Set<string>();
  for (const folder of packagesOf(tree)) {
    const { dependencies, devDependencies } = manifestOf(tree, `${folder}/package.json`);
    const uses = usesIn(tree, folder);
    for (const use of uses) everywhere.add(use.name);
    const byProduction = new Set(uses.filter((use) => use.isProduction || !folder.startsWith("packages/")).map((use) => use.name));
    const byAny = new Set(uses.map((use) => use.name));
    for (const name of namesOf(dependencies)) {
      if (byProduction.has(name)) continue;
      const way = byAny.has(name) ? 'only tests import it, so move it to "devDependencies"' : "nobody imports it, so remove it";
      found.push(`${folder}/package.json: ${name}: ${way}`);
    }
    for (const name of namesOf(devDependencies)) {
      if (!byAny.has(name)) found.push(`${folder}/package.json: ${name}: no test imports it, so remove it`);
    }
  }
  for (const name of namesOf(manifestOf(tree, "package.json").devDependencies)) {
    if (!programs.includes(name) && !everywhere.has(name)) found.push(`package.json: ${name}: nobody imports it, so remove it`);
  }
  return found;
};

/** Versions stand in the catalog, exactly; a package.json points at it. */
export const versionsStandInTheCatalog: Rule = (tree) => {
  const found: string[] = [];
  const used = new Set<string>();
  for (const path of ["package.json", ...packagesOf(tree).map((folder) => `${folder}/package.json`)]) {
    const { dependencies, devDependencies } = manifestOf(tree, path);
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      const wanted = name.startsWith("@varve/") ? "workspace:*" : "catalog:";
      if (version !== wanted) found.push(`${path}: ${name} is "${version}"; write "${wanted}"`);
      used.add(name);
    }
  }
  for (const [name, version] of catalogOf(tree)) {
    if (!/^\d+\.\d+\.\d+$/.test(version)) found.push(`pnpm-workspace.yaml: ${name} is ${version}; pin one version`);
    if (!used.has(name)) found.push(`pnpm-workspace.yaml: ${name}: no package.json uses it, so remove it`);
  }
  return found;
};

/** The `catalog:` block: lines `name: version`, indented, names quoted where they begin with an at sign. */
function catalogOf(tree: Tree): readonly (readonly [string, string])[] {
  const text = tree.has("pnpm-workspace.yaml") ? tree.read("pnpm-workspace.yaml") : "";
  const block = /^catalog:\n((?:[ \t]+.*\n|\n)*)/m.exec(text)?.[1] ?? "";
  return [...block.matchAll(/^\s+"?([^":\s]+)"?:\s*(\S+)\s*$/gm)].map((match) => [match[1]!, match[2]!] as const);
}

/** Production code imports every part that the product is said to be built of, and more than its types. */
export const builtOfItsParts: Rule = (tree) => {
  const imported = new Set<string>();
  for (const path of sources(tree)) {
    if (partOf(path) !== "src" || !path.startsWith("packages/")) continue;
    for (const { specifier, kind } of sourceOf(tree.read(path)).imports) if (kind !== "type") imported.add(dependencyOf(specifier) ?? "");
  }
  return builtOf
    .filter((name) => !imported.has(name))
    .map((name) => `${name}: no file under packages/*/src imports it; the product is built of it`);
};
