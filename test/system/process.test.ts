// A server as a process on a real disk: fsync before ack, shutdown, a second process, a disk that is full.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@varve/client";
import { defaults, type ServerConfig, serverConfigTable } from "@varve/model";
import { type Disk, DiskError, type DiskFile, type Ports } from "@varve/runtime";
import { nodeCompression, nodeLogger, nodeMetrics, nodePorts } from "@varve/runtime/node";
import { startServer } from "@varve/server";
import { loadGrpcNetwork } from "@varve/transport-grpc";
import { afterEach, expect, test } from "vitest";
import { bareEnvironment, startServer as startProcess, varve } from "../cli/server-process.ts";
import { SyncProof } from "../workload/sync-proof.ts";

const disposals: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0).reverse()) await dispose();
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "varve-system-"));
  disposals.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The production composition over Node's ports, some of them watched or bounded by the test. */
async function serve(change: (ports: Ports) => Ports, settings: Partial<ServerConfig> = {}) {
  const config = { ...defaults(serverConfigTable), listener: "127.0.0.1:0", "http.listener": "", ...settings };
  const network = await loadGrpcNetwork();
  const logger = nodeLogger({ level: "error", descriptor: 2 });
  const ports = nodePorts({ dataFolder: temporaryFolder(), compression: nodeCompression, logger, metrics: nodeMetrics() });
  const changed = change({ ...ports, network });
  const hooks = {
    fatal: (reason: string, error: Error) => {
      throw new Error(`${reason}: ${error.message}`);
    },
  };
  const server = await startServer(config, { ...changed, loadNetwork: async () => changed.network }, hooks, new AbortController().signal);
  disposals.push(() => server.stop());
  const client = await connect(server.address);
  disposals.push(() => client[Symbol.asyncDispose]());
  return client;
}

test("every acknowledged batch of a loaded run was written, and synced by a sync that began after the write, before the answer left", async () => {
  const proof = new SyncProof(() => true);
  const client = await serve((ports) => ({ ...ports, disk: proof.disk(ports.disk), network: proof.network(ports.network) }));
  await client.admin.createTopic({ name: "proven", partitions: 4 });
  const records = Array.from({ length: 3_000 }, (_, at) => ({ key: `k${at % 50}`, value: `${at} `.padEnd(400, "y") }));
  await using producer = client.producer({ lingerMs: 0, batchBytes: 4_096 });
  await Promise.all(records.map((record) => producer.send("proven", record)));
  expect(proof.violations).toEqual([]);
  expect(proof.proven).toBeGreaterThan(100);
});

test("SIGTERM under a connected client ends the server with 0, after every write was answered once", async () => {
  const server = await startProcess();
  const client = await connect(server.address);
  await client.admin.createTopic({ name: "orders" });
  const sends = Array.from({ length: 500 }, (_, at) => client.send("orders", { value: String(at) }));
  const stored = await Promise.all(sends);
  expect(new Set(stored.map(({ offset }) => offset)).size).toBe(500);
  await client[Symbol.asyncDispose]();
  expect(await server.stop()).toBe(0);
});

test("a second process on the same data directory is refused and says why", async () => {
  const server = await startProcess();
  disposals.push(() => server.stop());
  const args = [varve, "server", "--data-dir", server.folder, "--listener", "127.0.0.1:0", "--http-listener", ""];
  const second = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], env: bareEnvironment() });
  let said = "";
  second.stderr.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  const [code] = await once(second, "exit");
  expect(code).toBe(73);
  expect(said).toMatch(/in use|another process/);
});

test("another node's directory and a newer format are refused", async () => {
  const server = await startProcess();
  await server.kill();
  disposals.push(() => rmSync(server.folder, { recursive: true, force: true }));
  const identity = join(server.folder, "meta.properties");
  const written = readFileSync(identity, "utf8");
  for (const changed of [written.replace("node.id=1", "node.id=7"), written.replace("version=1", "version=9")]) {
    expect(changed).not.toBe(written);
    writeFileSync(identity, changed);
    await expect(server.start()).rejects.toThrow(/ended with 73/);
  }
  writeFileSync(identity, written);
  await server.start();
  await server.kill();
});

test("a disk that fills up refuses writes before it is full, serves reads, and takes writes again when there is room", async () => {
  const quota = new Quota(64_000_000);
  const settings = { "disk.free.bytes": 16_000_000, "journal.files": 2, "journal.file.bytes": 1_048_576 };
  const client = await serve((ports) => ({ ...ports, disk: quota.disk(ports.disk) }), settings);
  await client.admin.createTopic({ name: "big" });
  const value = new Uint8Array(100_000);
  let stored = 0;
  const refusals: string[] = [];
  await using producer = client.producer({ deliveryTimeoutMs: 1_000 });
  while (refusals.length === 0 && stored < 2_000) {
    await producer.send("big", { value }).then(
      () => {
        stored += 1;
      },
      (error: unknown) => refusals.push((error as Error).message),
    );
  }
  expect(refusals[0]).toContain("KAFKA_STORAGE_ERROR");
  expect(quota.wasFull).toBe(false);
  const count = async () => {
    let records = 0;
    for await (const batch of client.consume("big", { from: "earliest", until: "end" }).batches()) records += [...batch].length;
    return records;
  };
  expect(await count()).toBeGreaterThanOrEqual(stored);
  quota.capacityBytes *= 4;
  await expect
    .poll(
      () =>
        producer.send("big", { value }).then(
          () => "stored",
          () => "refused",
        ),
      { timeout: 60_000, interval: 500 },
    )
    .toBe("stored");
  expect(await count()).toBeGreaterThan(stored);
});

/** A disk that has room for so many bytes. */
class Quota {
  capacityBytes: number;
  wasFull = false;
  #usedBytes = 0;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
  }

  disk(disk: Disk): Disk {
    const bounded: Pick<Disk, "open" | "space"> = {
      open: async (path, mode) => this.#file(await disk.open(path, mode)),
      space: async () => ({ totalBytes: this.capacityBytes, freeBytes: Math.max(0, this.capacityBytes - this.#usedBytes) }),
    };
    return new Proxy(disk, {
      get: (target, name) => {
        if (name === "open" || name === "space") return bounded[name];
        const member: unknown = Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }

  #file(file: DiskFile): DiskFile {
    const take = (path: string, bytes: number) => {
      if (bytes > this.capacityBytes - this.#usedBytes) {
        this.wasFull = true;
        throw new DiskError("no-space", path, "the disk is full");
      }
      this.#usedBytes += Math.max(0, bytes);
    };
    return {
      get path() {
        return file.path;
      },
      get size() {
        return file.size;
      },
      writeSync: (bytes, position) => {
        take(file.path, position + bytes.length - file.size);
        file.writeSync(bytes, position);
      },
      write: async (bytes, position) => {
        take(file.path, position + bytes.length - file.size);
        await file.write(bytes, position);
      },
      read: (into, position) => file.read(into, position),
      truncate: (length) => file.truncate(length),
      sync: () => file.sync(),
      close: () => file.close(),
    };
  }
}
