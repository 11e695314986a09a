// Random histories of a quorum from the command line: `node packages/raft/test/main.ts HISTORIES [FIRST]`. It ends with 1 at the first that
// breaks an invariant, and names its seed.

import { drawnHistory } from "./random-history.ts";

const [histories = "1000", first = "1"] = process.argv.slice(2);

for (let seed = Number(first); seed < Number(first) + Number(histories); seed++) {
  try {
    drawnHistory(seed);
  } catch (error) {
    process.stdout.write(`seed ${seed}: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}\n`);
    process.exit(1);
  }
}
process.stdout.write(`${histories} histories of a quorum, no violation\n`);
