// A data directory that all loads of one bench share, so that none of them runs beside the making of the journal's files: a fresh broker
// makes them in its first seconds. Each load has a broker process of its own on it, and a topic of its own, which is deleted afterwards.

import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { defaults, serverConfigTable } from "@varve/model";
import { spawnBroker } from "./broker-process.ts";

const config = defaults(serverConfigTable);
/** The first file is smaller. */
const journalBytesMin = (config["journal.files"] - 1) * config["journal.file.bytes"];
const growMsMax = 60_000;
const pollMs = 50;

/** Waits until the journal of a data directory has all its files. @throws after a minute. */
export async function journalGrown(dataFolder: string): Promise<void> {
  const folder = join(dataFolder, "journal");
  const giveUpMs = performance.now() + growMsMax;
  for (;;) {
    const bytes = sizeOf(folder);
    if (bytes >= journalBytesMin) return;
    if (performance.now() > giveUpMs) throw new Error(`${folder} holds ${bytes} bytes after ${growMsMax} ms, less than ${journalBytesMin}`);
    await delay(pollMs);
  }
}

function sizeOf(folder: string): number {
  try {
    return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
  } catch {
    // Not there yet.
    return 0;
  }
}

const homes = new Map<string, Promise<string>>();

/** @returns the data directory below `folder`; it is removed when this process ends. */
export function homeIn(folder: string): Promise<string> {
  const home = homes.get(folder) ?? make(folder);
  homes.set(folder, home);
  return home;
}

/** A load failed: the next one gets a directory that knows nothing of it. */
export function leaveHome(folder: string): void {
  homes.delete(folder);
}

async function make(folder: string): Promise<string> {
  const dataFolder = mkdtempSync(join(folder || tmpdir(), "varve-bench-home-"));
  process.once("exit", () => rmSync(dataFolder, { recursive: true, force: true }));
  const broker = await spawnBroker({ folder, dataFolder });
  await journalGrown(dataFolder);
  await broker.end("SIGTERM");
  return dataFolder;
}
