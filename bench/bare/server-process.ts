// The server of a loop as a process of its own: started by the client, told its options, ended by the end of its stdin.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { BareOptions } from "./protocol.ts";

export interface ServerProcess {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** @param name of the file, without `-server.ts`. @throws when it ends before it listens. */
export async function startServer(name: string, options: BareOptions): Promise<ServerProcess> {
  const program = join(import.meta.dirname, `${name}-server.ts`);
  const child = spawn(process.execPath, [program, JSON.stringify(options)], { stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "exit");
  const first = await Promise.race([once(child.stdout, "data"), exit.then(() => undefined)]);
  if (first === undefined) throw new Error(`${program} ended before it listened`);
  const { port } = JSON.parse(String(first[0])) as { port: number };
  return {
    port,
    pid: child.pid as number,
    async stop() {
      child.stdin.end();
      await exit;
    },
  };
}

/** The other end: what a server calls when it listens. */
export function serverOptions(): BareOptions {
  return JSON.parse(process.argv[2] ?? "") as BareOptions;
}

export function announce(port: number): void {
  process.stdin.on("end", () => process.exit(0)).resume();
  process.stdout.write(`${JSON.stringify({ port })}\n`);
}
