// Stories: each file in stories/ is commands with what came of them, as text to be read. `VARVE_WRITE_STORIES=1` writes down what comes of
// them now, for a person to judge.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Story } from "./story.ts";

const folder = join(import.meta.dirname, "stories");
const ruler = "----";

/** A heading in lines with "#", then blocks: commands, a ruler, what came of the last of them. */
function told(text: string): string {
  const story = new Story();
  const blocks = text.trimEnd().split("\n\n");
  return `${blocks
    .map((block) => {
      if (block.startsWith("#")) return block;
      const lines = block.split("\n");
      const commands = lines.includes(ruler) ? lines.slice(0, lines.indexOf(ruler)) : lines;
      const said = commands.map((command) => story.run(command)).filter((outcome) => outcome !== "ok");
      return [...commands, ruler, said.join("\n") || "ok"].join("\n");
    })
    .join("\n\n")}\n`;
}

for (const name of readdirSync(folder).sort()) {
  const path = join(folder, name);
  const text = readFileSync(path, "utf8");
  test(text.split("\n")[0]!.replace(/^# /, ""), () => {
    const now = told(text);
    if (process.env.VARVE_WRITE_STORIES === "1") writeFileSync(path, now);
    else expect(now).toBe(text);
  });
}
