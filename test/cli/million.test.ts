// A file of a million realistic records through `varve produce` and out through `varve consume`, byte for byte, while the broker is killed
// (-9) and started again three times under the producer and twice under the consumer.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, createReadStream, mkdtempSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bareEnvironment, type ServerProcess, startServer, varve } from "./server-process.ts";

const lineCount = 1_000_000;
/** No statement about speed: it only ends a run that hangs, on a machine that has other work to do. */
const runMsMax = 600_000;

const folder = mkdtempSync(join(tmpdir(), "varve-million-"));
const input = join(folder, "access.log");
let server: ServerProcess;

/** An access log: the client's address is the key, up to the tab. The last line has no newline. */
function writeAccessLog(path: string): void {
  const file = openSync(path, "w");
  const paths = ["/", "/items", "/cart", "/login", "/static/app.js", "/über/uns", "/search?q=log"];
  const agents = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.9", "", "bot\u0000with\rstrange bytes"];
  let lines: string[] = [];
  for (let at = 0; at < lineCount; at += 1) {
    const address = `10.${at % 7}.${(at * 31) % 251}.${(at * 17) % 13}`;
    const time = new Date(1_760_000_000_000 + at * 7).toISOString();
    const status = at % 17 === 0 ? 404 : 200;
    const line = `${address}\t${time} "GET ${paths[at % paths.length]}" ${status} ${(at * 37) % 50_000} "${agents[at % agents.length]}" ${at}`;
    lines.push(at === lineCount - 1 ? line : `${line}\n`);
    if (lines.length === 10_000 || at === lineCount - 1) {
      writeSync(file, lines.join(""));
      lines = [];
    }
  }
  closeSync(file);
}

async function sumOf(path: string): Promise<string> {
  const sum = createHash("sha256");
  for await (const piece of createReadStream(path)) sum.update(piece as Buffer);
  return sum.digest("hex");
}

interface Command {
  readonly child: ChildProcess;
  /** What it wrote on standard error. */
  readonly said: () => string;
  readonly ended: Promise<number | null>;
}

/** @param output where standard output goes. */
function start(args: readonly string[], output: number | "pipe"): Command {
  const environment = { ...bareEnvironment(), VARVE_BOOTSTRAP: server.address, VARVE_TIMEOUT: "5m" };
  const child = spawn(process.execPath, [varve, ...args], { stdio: ["ignore", output, "pipe"], env: environment });
  let said = "";
  child.stderr!.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  return { child, said: () => said, ended: once(child, "exit").then(([code]) => code as number | null) };
}

/** What it prints as its one JSON value. @throws when it ends otherwise than with 0. */
async function answerOf({ child, said, ended }: Command): Promise<unknown> {
  let text = "";
  child.stdout!.on("data", (piece: Buffer) => {
    text += piece.toString();
  });
  const code = await ended;
  if (code !== 0) throw new Error(`it ended with ${code}: ${said()}`);
  return JSON.parse(text);
}

async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let front = "";
  // One byte a character: the lines are compared as bytes, and a piece may end within a character.
  for await (const piece of stream) {
    const lines = (front + piece.toString("latin1")).split("\n");
    front = lines.pop()!;
    yield* lines;
  }
  if (front !== "") throw new Error(`the last line has no newline: ${front}`);
}

async function endOf(topic: string): Promise<number> {
  const { partitions } = (await answerOf(start(["topic", "desc", topic, "--format", "json"], "pipe"))) as { partitions: { end: number }[] };
  return partitions.reduce((sum, { end }) => sum + end, 0);
}

/**
 * Kills the broker and starts it again each time that `progress` passes a mark.
 * @returns how far it was each time. @throws when `command` ends before all marks were passed.
 */
async function killAt(marks: readonly number[], progress: () => Promise<number>, command: Command): Promise<readonly number[]> {
  let hasEnded = false;
  void command.ended.then(() => {
    hasEnded = true;
  });
  const kills: number[] = [];
  for (const mark of marks) {
    let at = await progress();
    while (at < mark) {
      if (hasEnded) throw new Error(`it ended at ${at}, before the broker was killed at ${mark}: ${command.said()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      at = await progress();
    }
    await server.kill();
    kills.push(at);
    await server.start();
  }
  return kills;
}

beforeAll(async () => {
  writeAccessLog(input);
  server = await startServer();
}, runMsMax);

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

test(
  "a million lines go in while the broker is killed three times, and come out byte for byte while it is killed twice",
  async () => {
    await answerOf(start(["topic", "create", "access", "--partitions", "1", "--format", "json"], "pipe"));
    const producing = start(["produce", "access", input, "--input", "exact", "--key-separator", "\\t", "--format", "json"], "pipe");
    const stored = answerOf(producing);
    const killsWhileProducing = await killAt([100_000, 350_000, 600_000], () => endOf("access"), producing);
    expect(await stored).toMatchObject({ records: lineCount, failed: 0, partitions: [{ partition: 0, first: 0, last: lineCount - 1 }] });
    expect(killsWhileProducing.at(-1)).toBeLessThan(lineCount);

    const output = join(folder, "out.log");
    const file = openSync(output, "w");
    const consuming = start(["consume", "access", "--format", "exact", "--key-separator", "\\t"], file);
    const bytes = statSync(input).size;
    const killsWhileConsuming = await killAt([bytes / 10, bytes / 2], async () => statSync(output).size, consuming);
    expect(await consuming.ended, consuming.said()).toBe(0);
    closeSync(file);
    expect(killsWhileConsuming.at(-1)).toBeLessThan(bytes);
    expect(statSync(output).size).toBe(bytes);
    expect(await sumOf(output)).toBe(await sumOf(input));
  },
  runMsMax,
);

test(
  "over several partitions every line comes out once, those of a key in their order",
  async () => {
    await answerOf(start(["topic", "create", "spread", "--partitions", "4", "--format", "json"], "pipe"));
    const producing = start(["produce", "spread", input, "-K", "\\t", "--compression", "lz4", "--format", "json"], "pipe");
    const { records, partitions } = (await answerOf(producing)) as { records: number; partitions: { partition: number }[] };
    expect(records).toBe(lineCount);
    expect(partitions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);

    const consuming = start(["consume", "spread", "-K", "\\t"], "pipe");
    const lastOfKey = new Map<string, number>();
    let lines = 0;
    let checksum = 0;
    for await (const line of linesOf(consuming.child.stdout! as AsyncIterable<Buffer>)) {
      const at = Number(line.slice(line.lastIndexOf(" ")));
      lines += 1;
      checksum += at;
      const key = `10.${at % 7}.${(at * 31) % 251}.${(at * 17) % 13}`;
      if ((lastOfKey.get(key) ?? -1) >= at) throw new Error(`key ${key}: record ${at} came after ${lastOfKey.get(key)}`);
      lastOfKey.set(key, at);
    }
    expect(await consuming.ended, consuming.said()).toBe(0);
    expect(lines).toBe(lineCount);
    expect(checksum).toBe((lineCount * (lineCount - 1)) / 2);
    expect(lastOfKey.size).toBeGreaterThan(1000);
  },
  runMsMax,
);
