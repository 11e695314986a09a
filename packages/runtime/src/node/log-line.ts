// A line of the log as a person at a terminal wants it: time, level, message, then the fields that have something to say.

const colours: Readonly<Record<string, string>> = { debug: "\x1b[2m", info: "\x1b[36m", warn: "\x1b[33m", error: "\x1b[31m" };
/** pino's numbers of the levels. */
const levelNames: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warn", 50: "error" };
const dim = "\x1b[2m";
const plain = "\x1b[0m";

/** @param json one line of pino's. @returns it for a terminal, with its line end; stacks on lines of their own. */
export function terminalLine(json: string): string {
  const { level, time, pid: _pid, msg, ...fields } = JSON.parse(json) as Record<string, unknown> & { level: number; time: string };
  const name = levelNames[level] ?? String(level);
  let line = `${dim}${time.slice(11, 23)}${plain} ${colours[name] ?? ""}${name.padEnd(5)}${plain} ${String(msg)}`;
  let after = "";
  for (const [field, value] of Object.entries(fields)) {
    const text = String(value);
    if (text.includes("\n")) after += `  ${dim}${field}:${plain} ${text.replaceAll("\n", "\n  ")}\n`;
    else line += ` ${dim}${field}=${plain}${text}`;
  }
  return `${line}\n${after}`;
}
