// Loaded before a program (`--import`): notes every module of the repository's packages that the program and those that it forks load,
// one path a line, in the file that VARVE_LOADED_MODULES names.

import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";

const file = process.env.VARVE_LOADED_MODULES;
const loaded = new Set<string>();

registerHooks({
  load(url, context, nextLoad) {
    const path = /\/(packages\/[^/]+\/src\/.+\.ts)$/.exec(url)?.[1];
    if (path !== undefined) loaded.add(path);
    return nextLoad(url, context);
  },
});

process.on("exit", () => {
  if (file !== undefined) appendFileSync(file, [...loaded].map((path) => `${path}\n`).join(""));
});
