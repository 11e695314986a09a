// What went wrong, told to a person (or as JSON) on standard error: what, which value, what to do.

import { ClusterError, errorTable } from "@varve/model";
import { UsageError } from "./command.ts";
import { type Exit, exitCodes, exitOf } from "./exit-codes.ts";

/** A failure of the command itself, with a sentence that says what to do. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exit: Exit;

  constructor(exit: Exit, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.exit = exit;
  }
}

export interface Failure {
  readonly exitCode: number;
  /** Of the error table. */
  readonly code: string | undefined;
  readonly message: string;
  readonly help: string | undefined;
}

const systemMessages: Readonly<Record<string, readonly [exit: Exit, what: string]>> = {
  ENOENT: ["notFound", "there is no such file or folder"],
  EACCES: ["denied", "this user may not read it"],
  EISDIR: ["usage", "it is a folder, a file is needed"],
  ENOTDIR: ["usage", "it is a file, a folder is needed"],
};

/** @returns undefined for an error that is our own fault: it deserves its stack. */
export function failureOf(error: unknown, command: string): Failure | undefined {
  if (error instanceof ClusterError) {
    const { code, message } = error;
    const help =
      code === "NETWORK_EXCEPTION"
        ? "Is a broker running there? `varve server` starts one; --bootstrap names another."
        : errorTable[code].about;
    return { exitCode: exitCodes[exitOf(code)].code, code, message, help };
  }
  if (error instanceof UsageError) {
    return {
      exitCode: exitCodes.usage.code,
      code: undefined,
      message: error.problems.join("\n"),
      help: `\`varve ${command} --help\` shows what there is.`,
    };
  }
  if (error instanceof CommandError)
    return { exitCode: exitCodes[error.exit].code, code: undefined, message: error.message, help: undefined };
  const system = error instanceof Error && "code" in error && "path" in error ? systemMessages[String(error.code)] : undefined;
  if (system === undefined) return undefined;
  const [exit, what] = system;
  return {
    exitCode: exitCodes[exit].code,
    code: undefined,
    message: `${String((error as { path?: unknown }).path)}: ${what}`,
    help: undefined,
  };
}

/** The lines that a person reads. */
export function failureText({ code, message, help }: Failure): string {
  const lines = message.split("\n").map((line) => `varve: ${line}`);
  if (help !== undefined) lines.push(`       ${code === undefined ? "" : `${code}: `}${help}`);
  return lines.join("\n");
}
