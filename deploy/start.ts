// `npm start`: one broker, a topic, real input through it and back, checked, and the addresses to go on with. In a terminal it stays up
// until Ctrl-C and keeps its data in .data; elsewhere it works in a temporary folder, shuts down and exits.

import { createHash, type Hash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { grouped, sized } from "../packages/cli/src/table.ts";
import { type Assignment, ClusterError, connect, type Producer, type Varve } from "../packages/client/src/index.ts";
import { environmentName, exitCodes, loadServerConfig, type RunningServer } from "../packages/server/src/index.ts";
import { startNodeServer } from "../packages/server/src/node.ts";
import { inventory } from "./inventory.ts";

const topic = "inventory";
const partitions = 3;
const modules = join(import.meta.dirname, "..", "node_modules");
const isTerminal = process.stdout.isTTY === true;
const renewMs = 100;

const bold = (text: string) => (isTerminal && process.env.NO_COLOR === undefined ? `\u001b[1m${text}\u001b[22m` : text);
const dim = (text: string) => (isTerminal && process.env.NO_COLOR === undefined ? `\u001b[2m${text}\u001b[22m` : text);

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One line of the report: what, and what came of it. */
function report(what: string, outcome: string): void {
  say(`${isTerminal ? "\r\u001b[K" : ""}  ${bold(what.padEnd(9))} ${outcome}`);
}

/** Shows how far something has come, where a person is watching. */
function watch(what: string, outcome: () => string): () => void {
  if (!isTerminal) return () => undefined;
  const timer = setInterval(() => process.stdout.write(`\r\u001b[K  ${bold(what.padEnd(9))} ${outcome()} …`), renewMs);
  return () => clearInterval(timer);
}

const seconds = (sinceMs: number) => (performance.now() - sinceMs) / 1000;

/** What went in, or came out: a sum for each package over its records in their order. */
class Sums {
  readonly #byPackage = new Map<string, Hash>();
  records = 0;
  bytes = 0;

  get packages(): number {
    return this.#byPackage.size;
  }

  add(key: string, value: string | Uint8Array): void {
    let sum = this.#byPackage.get(key);
    if (sum === undefined) {
      sum = createHash("sha256");
      this.#byPackage.set(key, sum);
    }
    sum.update(value).update("\n");
    this.records += 1;
    this.bytes += key.length + value.length;
  }

  /** Over everything; each package's records in their order. */
  digest(): string {
    const all = createHash("sha256");
    for (const key of [...this.#byPackage.keys()].sort()) all.update(`${key} ${this.#byPackage.get(key)!.copy().digest("hex")}\n`);
    return all.digest("hex");
  }
}

interface Broker {
  readonly server: RunningServer;
  readonly folder: string;
}

async function startBroker(ending: AbortSignal): Promise<Broker> {
  const startedMs = performance.now();
  const isTemporary = !isTerminal && process.env.VARVE_DATA_DIR === undefined;
  const folder = isTemporary ? mkdtempSync(join(tmpdir(), "varve-")) : (process.env.VARVE_DATA_DIR ?? ".data");
  const preset: Record<string, string> = {
    "data.dir": folder,
    "log.level": "warn",
    listener: `127.0.0.1:${await portOr(7070)}`,
    "http.listener": `127.0.0.1:${await portOr(9644)}`,
  };
  const environment = new Map(Object.entries(process.env).flatMap(([name, text]) => (text === undefined ? [] : [[name, text] as const])));
  const flags = new Map(Object.entries(preset).filter(([key]) => !environment.has(environmentName(key))));
  const loaded = loadServerConfig({ environment, flags });
  if (loaded.kind === "problems") {
    for (const problem of loaded.problems) process.stderr.write(`varve: ${problem}\n`);
    process.exit(exitCodes.config.code);
  }
  const server = await startNodeServer({ config: loaded.config, pretty: process.stderr.isTTY === true }, ending);
  const http = server.httpAddress === undefined ? "" : ` · metrics http://${server.httpAddress}/metrics`;
  report("broker", `${bold(server.address)}${http} · data in ${folder} ${dim(`(up in ${grouped(performance.now() - startedMs)} ms)`)}`);
  return { server, folder: isTemporary ? folder : "" };
}

/** The port in a terminal when it is free, else any. */
async function portOr(port: number): Promise<number> {
  if (!isTerminal) return 0;
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(0));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(port)));
  });
}

/** Makes the topic unless an earlier start did. @returns where each partition ends. */
async function prepareTopic({ admin }: Varve): Promise<readonly Assignment[]> {
  try {
    await admin.createTopic({ name: topic, partitions });
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== "TOPIC_ALREADY_EXISTS") throw error;
  }
  const ends = await admin.listOffsets(topic, "latest");
  const held = ends.reduce((sum, { offset }) => sum + (offset ?? 0), 0);
  report("topic", `${topic}, ${ends.length} partitions${held > 0 ? `, with ${grouped(held)} records of earlier starts` : ""}`);
  return ends.map(({ partition, offset }) => ({ topic, partition, from: { offset: offset ?? 0 } }));
}

async function writeInventory(producer: Producer, ending: AbortSignal): Promise<Sums> {
  const sums = new Sums();
  const ackMs: number[] = [];
  let fileBytes = 0;
  let failure: Error | undefined;
  const startedMs = performance.now();
  const unwatch = watch("written", () => `${grouped(sums.records)} files, ${sized(fileBytes)}`);
  try {
    for await (const { key, value, bytes } of inventory(modules)) {
      ending.throwIfAborted();
      sums.add(key, value);
      fileBytes += bytes;
      const sentMs = performance.now();
      const hasRoom = producer.post(topic, { key, value }, (error) => {
        if (error === undefined) ackMs.push(performance.now() - sentMs);
        else failure ??= error;
      });
      if (!hasRoom) await producer.ready({ signal: ending });
      if (failure !== undefined) throw failure;
    }
    await producer.flush({ signal: ending });
    if (failure !== undefined) throw failure;
  } finally {
    unwatch();
  }
  ackMs.sort((one, other) => one - other);
  const quantile = (part: number) => `${(ackMs[Math.min(ackMs.length - 1, Math.floor(part * ackMs.length))] ?? 0).toFixed(1)} ms`;
  const tookS = seconds(startedMs);
  report(
    "written",
    `${grouped(sums.records)} records: every file of ${sums.packages} npm packages, ${sized(fileBytes)} read and hashed ${dim(
      `(${tookS.toFixed(1)} s, ${grouped(sums.records / tookS)} records/s; on disk and acknowledged after p50 ${quantile(0.5)}, p99 ${quantile(0.99)})`,
    )}`,
  );
  return sums;
}

async function readBack(varve: Varve, from: readonly Assignment[], ending: AbortSignal): Promise<Sums> {
  const sums = new Sums();
  const startedMs = performance.now();
  const decoder = new TextDecoder();
  for await (const batch of varve.consume(from, { until: "end", signal: ending }).batches()) {
    batch.forEach(({ key, value }) => {
      sums.add(key === null ? "" : decoder.decode(key), value ?? "");
    });
  }
  const tookS = seconds(startedMs);
  report(
    "read",
    `${grouped(sums.records)} records, ${sized(sums.bytes)} ${dim(`(${grouped(tookS * 1000)} ms, ${grouped(sums.records / tookS)} records/s)`)}`,
  );
  return sums;
}

function check(written: Sums, read: Sums): boolean {
  const [before, after] = [written.digest(), read.digest()];
  const isSame = before === after && written.records === read.records;
  if (isSame)
    report("checked", `count, order within each package, SHA-256 over everything: ${bold("the same")} ${dim(`(${before.slice(0, 16)}…)`)}`);
  else report("checked", `NOT the same: ${written.records} records went in with ${before}, ${read.records} came out with ${after}`);
  return isSame;
}

function sayWhatNext({ address }: RunningServer): void {
  const bootstrap = address === "127.0.0.1:7070" ? "" : ` --bootstrap ${address}`;
  say("\n  In a second terminal:");
  say(`    npm run -s varve -- topic desc ${topic}${bootstrap}`);
  say(`    npm run -s varve -- consume ${topic} --count 3 --format json${bootstrap}`);
  say(`    npm run -s varve -- topic create notes${bootstrap} && echo hello | npm run -s varve -- produce notes${bootstrap}`);
  say("\n  Ctrl-C ends it.");
}

async function main(): Promise<number> {
  const ending = new AbortController();
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        if (ending.signal.aborted) process.exit(exitCodes.interrupted.code);
        ending.abort(new Error(signal));
        resolve();
      });
    }
  });
  say(`\n  ${bold("Varve")} · an append-only log; every write is on disk before it is answered\n`);
  const broker = await startBroker(ending.signal).catch((error: unknown) => {
    if (!(error instanceof Error) || error.name !== "DataDirectoryError") throw error;
    process.stderr.write(`varve: ${error.message}\n`);
  });
  if (broker === undefined) return exitCodes.dataDirectory.code;
  const { server, folder } = broker;
  try {
    const varve = await connect(server.address, { signal: ending.signal });
    const ends = await prepareTopic(varve);
    const producer = varve.producer({ lingerMs: 5 });
    const written = await writeInventory(producer, ending.signal);
    const isSame = check(written, await readBack(varve, ends, ending.signal));
    await varve.close();
    if (isTerminal && isSame) {
      sayWhatNext(server);
      await ended;
    }
    return isSame ? 0 : exitCodes.failed.code;
  } catch (error) {
    if (ending.signal.aborted) return isTerminal ? 0 : exitCodes.interrupted.code;
    throw error;
  } finally {
    await server.stop();
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
    say(`\n  stopped; everything is synced${folder === "" ? "" : " (and the temporary folder removed)"}`);
  }
}

void main().then((code) => process.exit(code));
