// A broker as a process of its own, started as a person starts it: `varve server`. It can be killed, and started again where it was.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const varve: string = join(import.meta.dirname, "../../packages/cli/src/main.ts");

/** No statement about speed: it only ends a start that hangs. */
const startMsMax = 60_000;

/** The environment without what would configure a server or a client. */
export function bareEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name, text]) => text !== undefined && !name.startsWith("VARVE_"));
  return Object.fromEntries(entries) as Record<string, string>;
}

export class ServerProcess {
  readonly folder: string = mkdtempSync(join(tmpdir(), "varve-test-"));
  /** `host:port`; the same after a restart. */
  address = "127.0.0.1:0";
  #child: ChildProcess | undefined;

  /** Resolves when clients are served. @throws with what the server said when it ends instead. */
  async start(): Promise<void> {
    const args = [varve, "server", "--data-dir", this.folder, "--listener", this.address, "--http-listener", "", "--log-level", "warn"];
    const child = spawn(process.execPath, [...args, "--format", "json"], { stdio: ["ignore", "pipe", "pipe"], env: bareEnvironment() });
    this.#child = child;
    let said = "";
    child.stderr.on("data", (piece: Buffer) => {
      said += piece.toString();
    });
    const line = await new Promise<string>((resolve, reject) => {
      let text = "";
      const late = setTimeout(() => reject(new Error(`no server after ${startMsMax} ms: ${said}`)), startMsMax);
      child.stdout.on("data", (piece: Buffer) => {
        text += piece.toString();
        if (!text.includes("\n")) return;
        clearTimeout(late);
        resolve(text);
      });
      child.once("exit", (code, signal) => {
        clearTimeout(late);
        reject(new Error(`the server ended with ${code ?? signal}: ${said}`));
      });
    });
    this.address = (JSON.parse(line) as { address: string }).address;
  }

  /** The process dies at once, as by `kill -9`; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Shuts down, and removes the data. @returns the exit code. */
  async stop(): Promise<number | null> {
    const code = await this.#end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
    return code;
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
    child.kill(signal);
    await once(child, "exit");
    return child.exitCode;
  }
}

export async function startServer(): Promise<ServerProcess> {
  const server = new ServerProcess();
  await server.start();
  return server;
}
