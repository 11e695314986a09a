// From words to a call: builds the command line of commander out of the tree, reads flags over environment over defaults, and runs the one
// command that was asked for.

import { type Command as CommanderCommand, CommanderError, Command as Program } from "commander";
import { type Command, flagVariable, type Invocation, UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { failureOf, failureText } from "./failure.ts";
import { defaultOf, type FlagTable, parseFlag, usageOf, type Written } from "./flags.ts";
import type { Output } from "./output.ts";
import { groups, tree } from "./tree.ts";

export interface World {
  readonly output: Output;
  /** Writes to standard error as it is. */
  readonly sayRaw: (text: string) => void;
  readonly environment: ReadonlyMap<string, string>;
  readonly signal: AbortSignal;
}

/** @param words of the command line, without program and script. @returns the exit code. */
export async function run(words: readonly string[], world: World): Promise<number> {
  let exitCode: number = exitCodes.ok.code;
  const program = build(commandsFor(words), world, async (command, args, written) => {
    exitCode = await call(command, args, written, world);
  });
  try {
    await program.parseAsync(words, { from: "user" });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code;
  }
}

type Action = (command: Command, args: readonly string[], written: Readonly<Record<string, unknown>>) => Promise<void>;

/** The one command that the words begin with; all of them where they begin otherwise, since help and complaints then speak of all. */
function commandsFor(words: readonly string[]): readonly Command[] {
  const [first, second] = words;
  const named = tree.find(({ path, alias }) => path[0] === first && (path[1] === undefined || path[1] === second || alias === second));
  return named === undefined ? tree : [named];
}

function build(commands: readonly Command[], { sayRaw, output }: World, action: Action): Program {
  const program = new Program("varve");
  const settings = {
    writeOut: (text: string) => output.print(text.trimEnd()),
    writeErr: sayRaw,
    outputError: (text: string, write: (text: string) => void) => write(text.replace(/^error: /, "varve: ")),
  };
  program
    .description("A distributed append-only log: run it, write to it, read from it.")
    .configureOutput(settings)
    .exitOverride()
    .showHelpAfterError("       `varve --help` shows what there is.")
    .option("-V, --version", "Print the version")
    .addHelpText(
      "after",
      "\nExample:\n  varve server & varve topic create orders && seq 10 | varve produce orders && varve consume orders",
    );
  const parents = new Map<string, Program>();
  for (const command of commands) {
    const [first, second] = command.path;
    if (second === undefined) add(program, first, command, action);
    else add(parents.get(first) ?? group(program, first, parents), second, command, action);
  }
  return program;
}

function group(program: Program, name: string, parents: Map<string, Program>): Program {
  const parent = program.command(name).description(groups[name]!).helpCommand(false);
  const first = tree.find(({ path }) => path[0] === name)!;
  parent.addHelpText("after", `\nExample:\n  varve ${first.example}`);
  parents.set(name, parent);
  return parent;
}

function add(parent: Program, name: string, command: Command, action: Action): void {
  const words = command.path.join(" ");
  const added: CommanderCommand = parent.command(name).description(command.about);
  if (command.alias !== undefined) added.alias(command.alias);
  for (const { usage, about } of command.arguments) added.argument(usage, about);
  for (const [flagName, flag] of Object.entries(command.flags)) {
    const preset = defaultOf(flag);
    const isTold = preset !== undefined && preset !== false && !(Array.isArray(preset) && preset.length === 0);
    const about = `${flag.about} (${isTold ? `default ${String(preset)}, ` : ""}env ${flagVariable(command, flagName)})`;
    if (flag.kind === "text" && flag.many === true)
      added.option(usageOf(flagName, flag), about, (text: string, all: string[] = []) => [...all, text]);
    else added.option(usageOf(flagName, flag), about);
  }
  added
    .addHelpText("after", `\nExample:\n  varve ${command.example}`)
    .showHelpAfterError(`       \`varve ${words} --help\` shows what there is.`)
    .action(async (...given: unknown[]) => {
      const args = given.slice(0, command.arguments.length).flat() as (string | undefined)[];
      await action(
        command,
        args.filter((argument) => argument !== undefined),
        added.opts(),
      );
    });
}

async function call(command: Command, args: readonly string[], written: Readonly<Record<string, unknown>>, world: World): Promise<number> {
  const words = command.path.join(" ");
  const { output, sayRaw, environment, signal } = world;
  const say = (line: string) => sayRaw(`${line}\n`);
  let isJson = written.format === "json";
  try {
    const flags = readFlags(command, written, environment);
    isJson = flags.format === "json";
    const runCommand = await command.load();
    return await runCommand({
      args,
      flags: flags as Invocation<FlagTable>["flags"],
      output,
      say,
      environment: environmentOf(command, environment),
      signal,
    });
  } catch (error) {
    const failure = failureOf(error, words);
    // What fails because it was told to end says nothing new.
    if (signal.aborted && (error === signal.reason || failure !== undefined)) return exitCodes.interrupted.code;
    if (failure === undefined) throw error;
    const { code, message, help } = failure;
    say(isJson ? JSON.stringify({ error: { code, message, help } }) : failureText(failure));
    return failure.exitCode;
  }
}

/** @throws {UsageError} with every problem. */
function readFlags(
  command: Command,
  written: Readonly<Record<string, unknown>>,
  environment: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, flag] of Object.entries(command.flags)) {
    const onLine = written[camelCase(name)] as Written | undefined;
    if (flag.setting !== undefined) {
      values[name] = onLine;
      continue;
    }
    const variable = flagVariable(command, name);
    const text = onLine ?? environment.get(variable);
    if (text === undefined) {
      values[name] = defaultOf(flag);
      continue;
    }
    const parsed = parseFlag(onLine === undefined ? variable : `--${name}`, flag, text);
    if ("problem" in parsed) problems.push(parsed.problem);
    else values[name] = parsed.value;
  }
  if (problems.length > 0) throw new UsageError(problems);
  return values;
}

/** What is no flag's of another command: the server refuses variables of ours that it does not know. */
function environmentOf(command: Command, environment: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const own = variablesOf(command);
  const others = new Set(tree.filter((other) => other !== command).flatMap((other) => [...variablesOf(other)]));
  return new Map([...environment].filter(([name]) => own.has(name) || !others.has(name)));
}

function variablesOf(command: Command): ReadonlySet<string> {
  return new Set(Object.keys(command.flags).map((name) => flagVariable(command, name)));
}

/** As commander names what it has parsed. */
function camelCase(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
