// The command tree as data, for the reference page, for tests, and for whoever starts commands as processes.

export { type Command, flagVariable } from "./command.ts";
export { exitCodes } from "./exit-codes.ts";
export { usageOf } from "./flags.ts";
export { groups, tree } from "./tree.ts";
