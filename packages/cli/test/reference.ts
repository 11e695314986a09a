// The reference page docs/cli.md, made from the command tree. `vitest run -u packages/cli/test/reference.test.ts` writes it anew.

import { exitCodes as serverExitCodes } from "@varve/server";
import { type Command, flagVariable } from "../src/command.ts";
import { exitCodes } from "../src/exit-codes.ts";
import { defaultOf, usageOf } from "../src/flags.ts";
import { tree } from "../src/tree.ts";

const intro = `# The command line

From a clone: \`npm run -s varve -- COMMAND …\`, which is \`varve COMMAND …\` below. This page is made from the command tree; a test holds it there.

- Data goes to standard output, everything else (progress, summaries, logs, errors) to standard error.
- Every command takes \`--format json\`, which has everything that the text shows. \`consume\` and \`log dump\` write one JSON object a line,
  the others one value. With \`--format json\` an error is a JSON object too: \`{"error":{"code","message","help"}}\`.
- A flag counts before its environment variable, and that before the default. Durations are \`250ms\`, \`30s\`, \`5m\`, \`2h\`, \`7d\`; sizes \`64KiB\`, \`8MiB\`.
- Bytes that are not UTF-8 are \`{"b64": "…"}\` in JSON, in both directions.
- Destructive commands print what they would do, and do it with \`--yes\`.

## Lines and records

\`produce\` makes a record of each line, \`consume\` a line of each record. Three formats, the same words on both sides:

| format | produce \`--input\` | consume \`--format\` |
|---|---|---|
| \`text\` | the line without its newline is the value | the value and a newline |
| \`exact\` | the line with its newline is the value; the last line may lack one | the values with nothing between them |
| \`json\` | an object with \`key\`, \`value\`, \`headers\`, \`timestamp\`, \`partition\`, all optional | an object with these and \`topic\`, \`offset\` |

With \`exact\` a file comes back byte for byte from a topic of one partition, also with \`--key-separator\` on both sides. Records of one key keep
their order in any topic. \`produce\` tries each record for \`--timeout\`, over lost connections and restarts of brokers, and stores it once; it
stops at the first record that cannot be stored, says which line that was and how many are stored. \`consume\` goes on where it was when a
broker comes back.`;

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

function section(command: Command): string {
  const { path, alias, about, arguments: args, flags, example } = command;
  const words = path.join(" ");
  const aka = alias === undefined ? "" : ` (also \`${[...path.slice(0, -1), alias].join(" ")}\`)`;
  const lines = [`## varve ${words}`, "", `${about}${aka}.`, "", "```sh", `varve ${example}`, "```", ""];
  for (const { usage, about: what } of args) lines.push(`- \`${usage}\`: ${what}`);
  if (args.length > 0) lines.push("");
  const own = Object.entries(flags).filter(([, { setting }]) => setting === undefined);
  lines.push("| flag | default | variable | |", "|---|---|---|---|");
  for (const [name, flag] of own) {
    const preset = defaultOf(flag);
    const shown = preset === undefined || preset === false || Array.isArray(preset) ? "" : code(String(preset));
    lines.push(`| ${code(usageOf(name, flag))} | ${shown} | ${code(flagVariable(command, name))} | ${flag.about.replaceAll("|", "\\|")} |`);
  }
  if (own.length < Object.keys(flags).length)
    lines.push("", "It takes a flag for each setting of [the table](operations.md#settings) besides.");
  return lines.join("\n");
}

/** The exit codes of the commands, as a table. */
function exitTable(): string {
  const rows = Object.values(exitCodes).map(({ code: number, about }) => `| ${number} | ${about} |`);
  return ["| code | |", "|---|---|", ...rows].join("\n");
}

/** Those of the server, which a supervisor reads. */
export function serverExitTable(): string {
  const rows = Object.values(serverExitCodes).map(({ code: number, about }) => `| ${number} | ${about} |`);
  return ["| code | |", "|---|---|", ...rows].join("\n");
}

export function referencePage(): string {
  const exits = `## Exit codes\n\n${exitTable()}\n\n\`varve server\` has [codes of its own](operations.md#exit-codes).`;
  return `${[intro, ...tree.map(section), exits].join("\n\n")}\n`;
}
