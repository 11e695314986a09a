// Makes one bundle of `varve` and `start`: our packages and the libraries in JavaScript, in a few files instead of hundreds. Native modules
// and what nobody calls stay where they are. Which bundle is run is program.mjs; why there is one at all: docs/decisions/0009-bundle.md.

import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { type Plugin, RolldownMagicString, rolldown } from "rolldown";
import { bundledSources, bundlesFolder } from "./program.mjs";

/** Bundles that stay, the newest: a process that runs may still load parts of its own. */
const bundlesKept = 4;

/** Load native code from beside themselves; and the one that grpc-js would load for reflection, half of its code, which no call of ours needs. */
const outside = /^(?:@node-rs\/crc32|@grpc\/proto-loader)$/;
/** Level's way to its native code, seen from where it is asked for. */
const levelBinding = { specifier: "./binding", from: `${sep}classic-level${sep}` };

/** What is loaded together lies together, for each file costs a start half a millisecond; the rest is cut where it is imported late. */
const chunks = [
  { name: "shared", test: /\/packages\/(?:model|record|runtime|proto|api|transport-grpc\/src\/(?!grpc-js))\b/, priority: 4 },
  { name: "grpc", test: /\/(?:@grpc\/grpc-js|transport-grpc\/src\/grpc-js)\//, priority: 3 },
  { name: "server", test: /\/packages\/(?:metadata|log|partition|controller|broker|server)\//, priority: 2 },
  { name: "command-line", test: /\/packages\/cli\/src\/(?!commands\/|main\.ts)/, priority: 1 },
];

/** A module keeps the place that it has in the sources: what it reads or requires from there is there. */
const ownPlaces: Plugin = {
  name: "own-places",
  transform: {
    filter: { id: /\/(?:packages|deploy)\/.*\.ts$/, code: /import\.meta\./ },
    handler(code, id) {
      const text = new RolldownMagicString(code);
      text.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href));
      text.replaceAll("import.meta.dirname", JSON.stringify(dirname(id)));
      return { code: text.toString(), map: text.generateMap({ hires: true }).toString() };
    },
  },
};

/**
 * grpc-js asks of every address whether it is of IP version 6, for which Node compiles a regular expression in 7 ms. Asked for the version,
 * Node looks for 4 first.
 */
const cheapAddresses: Plugin = {
  name: "cheap-addresses",
  transform: {
    filter: { id: /@grpc\/grpc-js\//, code: "isIPv6)(" },
    handler(code) {
      const text = new RolldownMagicString(code);
      text.replaceAll("(0, net_1.isIPv6)(", "((host) => (0, net_1.isIP)(host) === 6)(");
      return { code: text.toString(), map: text.generateMap({ hires: true }).toString() };
    },
  },
};

const someOutside: Plugin = {
  name: "some-outside",
  resolveId: {
    filter: { id: [outside, /^\.\/binding$/] },
    async handler(specifier, importer, options) {
      if (specifier === levelBinding.specifier && importer?.includes(levelBinding.from) !== true) return null;
      const resolved = await this.resolve(specifier, importer, { ...options, skipSelf: true });
      if (resolved === null) throw new Error(`${specifier} is not installed, and ${importer} imports it`);
      return { id: resolved.id, external: true };
    },
  },
};

/** @param name of the folder that it gets. @returns the folder. */
export async function makeBundle(root: string, name: string): Promise<string> {
  const folder = join(bundlesFolder(root), name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries(Object.entries(bundledSources).map(([command, source]) => [command, join(root, source)])),
    platform: "node",
    makeAbsoluteExternalsRelative: false,
    // A module of Node's that is imported shows all it has, and so loads what it would load late; one that is required does not.
    // Measured: 29 ms of undici behind node:http, 16 ms behind node:fs.
    plugins: [ownPlaces, cheapAddresses, someOutside],
  });
  try {
    await build.write({
      dir: folder,
      format: "cjs",
      entryFileNames: "[name].cjs",
      chunkFileNames: "[name]-[hash].cjs",
      codeSplitting: { groups: chunks },
      comments: { jsdoc: false, legal: false, annotation: false },
      sourcemap: true,
    });
  } finally {
    await build.close();
  }
  for (const name of readdirSync(folder)) if (name.endsWith(".cjs")) makeNarrow(join(folder, name));
  return folder;
}

/** V8 keeps the text of what it runs, and takes two bytes for each character of a text that has one above U+00FF: such ones are escaped. */
function makeNarrow(path: string): void {
  const escaped = (wide: string) => `\\u${wide.charCodeAt(0).toString(16).padStart(4, "0")}`;
  writeFileSync(path, readFileSync(path, "utf8").replaceAll(/[\u0100-\uffff]/g, escaped));
}

/** Removes bundles that nobody runs any more, as far as their age tells. */
export function removeOldBundles(root: string): void {
  const folder = bundlesFolder(root);
  const bundles = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ path: join(folder, name), madeMs: statSync(join(folder, name)).mtimeMs }))
    .sort((one, other) => other.madeMs - one.madeMs);
  for (const { path } of bundles.slice(bundlesKept)) rmSync(path, { recursive: true, force: true });
}
