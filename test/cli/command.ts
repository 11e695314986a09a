// One call of `varve` as a process: its arguments, its streams, its exit code.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { bareEnvironment, varve } from "./server-process.ts";

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Options {
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  /** Called with all that was written so far whenever there is more, until it answers with the signal that ends the process. */
  readonly interrupt?: (out: string, err: string) => NodeJS.Signals | undefined;
}

/** Runs one command to its end, without the variables that configure Varve but for those in `environment`. */
export async function runCommand(args: readonly string[], { input, environment = {}, interrupt }: Options = {}): Promise<Ended> {
  const env = { ...bareEnvironment(), ...environment };
  const child = spawn(process.execPath, [varve, ...args], { stdio: ["pipe", "pipe", "pipe"], env });
  let [out, err] = ["", ""];
  let isInterrupted = false;
  const look = () => {
    const signal = isInterrupted ? undefined : interrupt?.(out, err);
    if (signal === undefined) return;
    isInterrupted = true;
    child.kill(signal);
  };
  child.stdout.on("data", (piece: Buffer) => {
    out += piece.toString("latin1");
    look();
  });
  child.stderr.on("data", (piece: Buffer) => {
    err += piece.toString();
    look();
  });
  child.stdin.on("error", () => undefined);
  if (interrupt === undefined || input !== undefined) child.stdin.end(input ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

/** One JSON value, as most commands print it. */
export function json(text: string): unknown {
  return JSON.parse(text);
}

/** One JSON value a line, as streams print them. */
export function jsonLines(text: string): unknown[] {
  return text.trim().split("\n").map(json);
}
