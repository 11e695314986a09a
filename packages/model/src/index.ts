// Our words: ids, offsets, the error table, configuration tables. No behaviour, no I/O, no dependencies.

export * from "./compression.ts";
export * from "./config/property.ts";
export * from "./config/server-config.ts";
export * from "./config/topic-config.ts";
export * from "./errors.ts";
export * from "./ids.ts";
export * from "./invariant.ts";
export * from "./offset.ts";
export * from "./topic-name.ts";
