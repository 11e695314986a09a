// `varve server`: one broker in this process. Settings come from file, environment and flags; the first signal drains, the second ends at once.

import { readFile } from "node:fs/promises";
import process from "node:process";
import { DataDirectoryError } from "@varve/log";
import { CorruptionError } from "@varve/model";
import { DiskError } from "@varve/runtime";
import { type ExitReason, exitCodes, loadServerConfig } from "@varve/server";
import type { Invocation } from "../command.ts";
import type { formatFlags, serverFlags } from "../flag-tables.ts";
import { serverSettingFlags } from "../server-flags.ts";

/** With the settings beside them. */
type Flags = typeof formatFlags & typeof serverFlags;

export async function run({ flags, output, say, environment, signal }: Invocation<Flags>): Promise<number> {
  const file = flags.config === undefined ? undefined : await readSettings(flags.config);
  if (file !== undefined && "problem" in file) return refused([file.problem], say);
  const loaded = loadServerConfig({ environment, flags: settingsOf(flags), ...(file === undefined ? {} : { file }) });
  if (loaded.kind === "problems") return refused(loaded.problems, say);
  const { config } = loaded;
  const { startNodeServer } = await import("@varve/server/node");
  try {
    const server = await startNodeServer({ config, pretty: process.stderr.isTTY === true }, signal);
    const { address, httpAddress, clusterId } = server;
    if (flags.format === "json") output.json({ address, httpAddress, clusterId, nodeId: config["node.id"] });
    else output.print(`varve listens on ${address}${httpAddress === undefined ? "" : `, health and metrics on http://${httpAddress}`}`);
    await output.flush();
    await aborted(signal);
    await server.stop();
    return exitCodes.ok.code;
  } catch (error) {
    if (signal.aborted) return exitCodes.interrupted.code;
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    say(
      `varve: ${error instanceof Error ? error.message : String(error)}\n       ${exitCodes[reason].about} (exit code ${exitCodes[reason].code})`,
    );
    return exitCodes[reason].code;
  }
}

/** What was given on the command line, by the settings' keys. */
function settingsOf(flags: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [name, { setting }] of Object.entries(serverSettingFlags))
    if (flags[name] !== undefined) texts.set(setting, String(flags[name]));
  return texts;
}

function refused(problems: readonly string[], say: (line: string) => void): number {
  for (const problem of problems) say(`varve: ${problem}`);
  say(`       ${exitCodes.config.about} (exit code ${exitCodes.config.code})`);
  return exitCodes.config.code;
}

interface SettingsFile {
  readonly name: string;
  readonly values: ReadonlyMap<string, unknown>;
}

async function readSettings(path: string): Promise<SettingsFile | { readonly problem: string }> {
  const text = await readFile(path, "utf8");
  const { parse } = await import("yaml");
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    return { problem: `${path} is neither YAML nor JSON: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}` };
  }
  if (content === null) return { name: path, values: new Map() };
  if (typeof content !== "object" || Array.isArray(content))
    return { problem: `${path} holds no settings: write one a line, as in "node.id: 2"` };
  const nested = Object.entries(content).find(([, value]) => typeof value === "object" && value !== null && !Array.isArray(value));
  if (nested !== undefined)
    return { problem: `${path}: ${nested[0]} holds further settings; write them with their whole names, as in "node.id: 2"` };
  return { name: path, values: new Map(Object.entries(content).map(([key, value]) => [key, value ?? ""])) };
}

function reasonOf(error: unknown): ExitReason | undefined {
  if (error instanceof DataDirectoryError) return "dataDirectory";
  if (error instanceof DiskError) return isDirectoryProblem(error) ? "dataDirectory" : "diskFailed";
  if (error instanceof CorruptionError) return "corrupt";
  if (error instanceof Error && isAddressProblem(error)) return "unreachable";
  return undefined;
}

/** A read, write or sync that failed while the logs were recovered is the disk's, and may pass; the directory a person has to mend. */
function isDirectoryProblem({ kind, message, cause }: DiskError): boolean {
  if (kind !== "io" && kind !== "unreadable") return true;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return /^(?:EACCES|EPERM|EROFS)$/.test(code) || /: cannot (?:make|open|lock) the data directory/.test(message);
}

function isAddressProblem(error: Error): boolean {
  return /EADDRINUSE|EADDRNOTAVAIL|EACCES|ENOTFOUND|No address added/.test(`${"code" in error ? String(error.code) : ""} ${error.message}`);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
