// The command tree: every command with its words. What each does is loaded when it is called.

import { type Command, command } from "./command.ts";
import * as tables from "./flag-tables.ts";
import { serverSettingFlags } from "./server-flags.ts";

const { formatFlags, bootstrapFlags, timeoutFlags } = tables;
/** Flags that mean the same in every command. */
const shared = ["format", "bootstrap", "timeout"];
const topic = { usage: "<topic>", about: "Its name" };
const segments = { usage: "<path>", about: "A partition's folder, or one of its .log files" };

export const tree: readonly Command[] = [
  command({
    path: "server",
    about: "Run a broker in the foreground until SIGTERM or Ctrl-C",
    flags: { ...formatFlags, ...tables.serverFlags, ...serverSettingFlags },
    shared: ["format", "config", ...Object.keys(serverSettingFlags)],
    example: "server --data-dir /var/lib/varve --listener 127.0.0.1:7070",
    load: () => import("./commands/server.ts"),
  }),
  command({
    path: "topic create",
    about: "Create a topic",
    arguments: [topic],
    flags: { ...formatFlags, ...bootstrapFlags, ...timeoutFlags, ...tables.topicCreateFlags },
    shared,
    example: "topic create orders --partitions 3 -c retention.ms=7d",
    load: () => import("./commands/topic-create.ts"),
  }),
  command({
    path: "topic list",
    alias: "ls",
    about: "List the topics",
    flags: { ...formatFlags, ...bootstrapFlags, ...timeoutFlags },
    shared,
    example: "topic ls --format json",
    load: () => import("./commands/topic-list.ts"),
  }),
  command({
    path: "topic describe",
    alias: "desc",
    about: "Show a topic's partitions, offsets and settings",
    arguments: [topic],
    flags: { ...formatFlags, ...bootstrapFlags, ...timeoutFlags },
    shared,
    example: "topic desc orders",
    load: () => import("./commands/topic-describe.ts"),
  }),
  command({
    path: "topic remove",
    alias: "rm",
    about: "Delete topics with everything in them",
    arguments: [{ usage: "<topic...>", about: "Their names" }],
    flags: { ...formatFlags, ...bootstrapFlags, ...timeoutFlags, ...tables.topicRemoveFlags },
    shared,
    example: "topic rm orders --yes",
    load: () => import("./commands/topic-remove.ts"),
  }),
  command({
    path: "produce",
    about: "Store lines as records, from a file or a pipe",
    arguments: [topic, { usage: "[file]", about: "Where the lines come from; standard input when not given" }],
    flags: { ...formatFlags, ...bootstrapFlags, ...tables.produceFlags },
    shared,
    example: "produce orders orders.csv --key-separator ,",
    load: () => import("./commands/produce.ts"),
  }),
  command({
    path: "consume",
    about: "Write records to standard output",
    arguments: [topic],
    flags: { ...bootstrapFlags, ...tables.consumeFlags },
    shared,
    example: "consume orders --from -2h --follow --format json",
    load: () => import("./commands/consume.ts"),
  }),
  command({
    path: "log dump",
    about: "Show the record batches in segment files, of Varve or of Kafka, without a server",
    arguments: [segments],
    flags: { ...formatFlags, ...tables.dumpFlags },
    shared: ["format"],
    example: "log dump .data/uA5065aQSy6PxPZ2NqQUlw-0 --records --count 10",
    load: () => import("./commands/log-dump.ts"),
  }),
  command({
    path: "log verify",
    about: "Check segment files and their indexes, of Varve or of Kafka, without a server",
    arguments: [segments],
    flags: { ...formatFlags },
    shared: ["format"],
    example: "log verify .data/uA5065aQSy6PxPZ2NqQUlw-0",
    load: () => import("./commands/log-verify.ts"),
  }),
  command({
    path: "errors",
    about: "Say what an error code means and what to do",
    arguments: [{ usage: "[code]", about: "A name or a number; all of them when not given" }],
    flags: { ...formatFlags },
    shared: ["format"],
    example: "errors NOT_ENOUGH_REPLICAS",
    load: () => import("./commands/errors.ts"),
  }),
  command({
    path: "version",
    about: "Print the versions of Varve and Node",
    flags: { ...formatFlags },
    shared: ["format"],
    example: "version --format json",
    load: () => import("./commands/version.ts"),
  }),
];

/** What stands before the second word of a command. */
export const groups: Readonly<Record<string, string>> = {
  topic: "Create, list, describe and delete topics",
  log: "Look into segment files",
};
