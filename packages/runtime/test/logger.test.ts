// The log of a real process: lines of JSON with their own times, in order, complete also when the process ends at once.

import { execFileSync, spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { terminalLine } from "../src/node/log-line.ts";

function run(program: string, descriptor = 1, level = "info"): string {
  const source = `
    import { nodeLogger } from "@varve/runtime/node";
    const log = nodeLogger({ level: "${level}", descriptor: ${descriptor} });
    ${program}
  `;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", source], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  return descriptor === 1 ? stdout : stderr;
}

function lines(output: string): Record<string, unknown>[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("a line has level, time in ISO form, process, fields and message", () => {
  const [line] = lines(run(`log.with({ node: 3 }).info("broker started", { listeners: 2, secure: false });`));
  expect(line).toMatchObject({ level: 30, node: 3, listeners: 2, secure: false, msg: "broker started" });
  expect(line?.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(line?.pid).toBeTypeOf("number");
});

test("lines that waited for the library bear the time when they were made, and stand in order", () => {
  const [first, second] = lines(
    run(`log.info("one"); const until = Date.now() + 30; while (Date.now() < until); log.warn("two"); process.exit();`),
  );
  expect([first?.msg, second?.msg]).toEqual(["one", "two"]);
  expect(Date.parse(String(second?.time)) - Date.parse(String(first?.time))).toBeGreaterThanOrEqual(30);
});

test.each(["process.exit(0);", "throw new Error('the end');", "setTimeout(() => process.exit(0), 700);"])(
  "nothing is lost by %s",
  (end) => {
    expect(lines(run(`for (let at = 0; at < 50; at++) log.info("line " + at); ${end}`)).map((line) => line.msg)).toEqual(
      Array.from({ length: 50 }, (_, at) => `line ${at}`),
    );
  },
);

test("more lines than may wait are all written", () => {
  expect(lines(run(`for (let at = 0; at < 500; at++) log.info("x");`))).toHaveLength(500);
});

test("an error is written with its stack and its causes", () => {
  const [line] = lines(run(`log.error("failed", { error: new Error("outer", { cause: new Error("inner") }) });`, 2));
  expect(line?.error).toMatch(/^Error: outer\n.*at[\s\S]*\ncaused by Error: inner\n/);
});

test("lines below the level are not written", () => {
  expect(lines(run(`log.debug("a"); log.info("b"); log.warn("c"); log.error("d");`, 1, "warn")).map((line) => line.msg)).toEqual([
    "c",
    "d",
  ]);
});

test("a reader who goes away ends the log, not the process", () => {
  const source = `
    import { nodeLogger } from "@varve/runtime/node";
    const log = nodeLogger({ level: "info", descriptor: 1 });
    log.warn("first");
    let at = 0;
    const timer = setInterval(() => { log.info("x".repeat(10000)); if (++at === 50) { clearInterval(timer); process.stderr.write("alive"); } }, 1);
  `;
  const command = `"$0" --input-type=module -e "$1" 2>&3 | head -c 1 >/dev/null`;
  const output = execFileSync("bash", ["-c", `exec 3>&1; ${command}`, process.execPath, source], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  expect(output).toBe("alive");
});

test("for a terminal a line is a sentence, and a stack stands below it", () => {
  const line = terminalLine(
    JSON.stringify({ level: 50, time: "2026-05-06T07:08:09.123Z", pid: 1, node: 2, error: "Error: a\n    at b", msg: "sync failed" }),
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
  expect(line.replace(/\x1b\[\d+m/g, "")).toBe("07:08:09.123 error sync failed node=2\n  error: Error: a\n      at b\n");
});
