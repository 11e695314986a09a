// Run in a copy of the tree that has a bug: `node test/sim/bugs/hunt.ts COUNT FIRST` runs one seed after the other until one fails, and prints
// how many it took, as JSON.

import { runSeed } from "../run-seed.ts";

const [count = "1", first = "1"] = process.argv.slice(2);

let found: string | undefined;
let seeds = 0;
while (found === undefined && seeds < Number(count)) {
  const { outcome } = await runSeed(Number(first) + seeds);
  seeds++;
  found = outcome.violations[0]?.split("\n")[0];
}
process.stdout.write(`${JSON.stringify({ seeds, found })}\n`);
process.exit(0);
