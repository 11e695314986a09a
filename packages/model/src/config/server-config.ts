// What a server process can be configured with. File keys are these names; `VARVE_NODE_ID` and `--node-id` are `node.id`.

import type { Table, Values } from "./property.ts";

export const serverConfigTable = {
  "node.id": { type: "count", default: 1, min: 0, max: 2_147_483_647, restart: true, about: "This node's number in the cluster; never changes and is never given to another." },
  "cluster.id": { type: "text", default: "", restart: true, about: "The cluster that the node belongs to, as a UUID of 22 characters; empty takes the one in the data directory, or draws one." },
  roles: { type: "list", choices: ["broker", "controller"], default: ["broker", "controller"], restart: true, about: "What the process is: a broker, a controller, or both." },
  "data.dir": { type: "text", default: ".data", restart: true, about: "The folder for everything that lasts; made when missing." },
  listener: { type: "text", default: "127.0.0.1:7070", restart: true, about: "host:port for clients; port 0 takes a free one." },
  "advertised.listener": { type: "text", default: "", restart: true, about: "host:port that clients are told to use; empty is the listener's own." },
  "http.listener": { type: "text", default: "127.0.0.1:9644", restart: true, about: "host:port for /metrics, /healthz, /livez and /readyz; empty serves none." },
  insecure: { type: "boolean", default: false, restart: true, about: "Allows listeners on other addresses than loopback, without encryption and without authentication." },
  "log.level": { type: "choice", choices: ["debug", "info", "warn", "error", "silent"], default: "info", restart: true, about: "The least serious lines that are logged." },
  "num.partitions": { type: "count", default: 1, min: 1, max: 10_000, restart: true, about: "Partitions of a topic that does not say how many." },
  "default.replication.factor": { type: "count", default: 1, min: 1, max: 32_767, restart: true, about: "Replicas of a topic that does not say how many." },
  "journal.files": { type: "count", default: 8, min: 2, max: 64, restart: true, about: "Files in the journal's ring." },
  "journal.file.bytes": { type: "bytes", default: 33_554_432, min: 65_536, max: 1_073_741_824, restart: true, about: "Size of each journal file but the first, which is smaller." },
  "journal.waiting.bytes": { type: "bytes", default: 33_554_432, min: 65_536, max: 1_073_741_824, restart: true, about: "Writes wait while so many bytes wait for their sync." },
  "tail.bytes": { type: "bytes", default: 16_777_216, min: 0, max: 17_179_869_184, restart: true, about: "Memory for the newest batches of all partitions, from which readers at the end are served." },
  "open.files": { type: "count", default: 4096, min: 16, max: 1_000_000, restart: true, about: "Segment files held open at once." },
  "disk.free.bytes": { type: "bytes", default: 268_435_456, min: 0, max: 9_007_199_254_740_991, restart: true, about: "Writes are refused while less than this is free on the disk." },
  "log.retention.check.interval.ms": { type: "ms", default: 300_000, min: 1, max: 86_400_000, restart: true, about: "How often old segments are looked for." },
  "producer.id.expiration.ms": { type: "ms", default: 86_400_000, min: 1, max: 9_007_199_254_740_991, restart: true, about: "A producer that has not written for so long is forgotten." },
  "scrub.bytes.per.second": { type: "bytes", default: 1_048_576, min: 0, max: 1_073_741_824, restart: true, about: "Pace at which old segments are read and checked in the background; 0 is off." },
  "memory.pool.bytes": { type: "bytes", default: 134_217_728, min: 16_777_216, max: 68_719_476_736, restart: true, about: "Memory for the requests of all clients together that have not been answered." },
  "connection.streams": { type: "count", default: 100, min: 1, max: 100_000, restart: true, about: "Streams that one connection may have open." },
  "message.bytes": { type: "bytes", default: 9_437_184, min: 1_114_112, max: 104_857_600, restart: true, about: "Largest message of the protocol; bounds a request and an answer." },
  "produce.timeout.ms": { type: "ms", default: 30_000, min: 1, max: 900_000, restart: true, about: "The longest that a write may wait for its answer." },
  "fetch.wait.ms": { type: "ms", default: 30_000, min: 0, max: 900_000, restart: true, about: "The longest that a fetch may wait for records." },
  "fetch.bytes": { type: "bytes", default: 8_388_608, min: 1024, max: 100_663_296, restart: true, about: "The most bytes of batches in one answer, but for a first batch that is larger." },
  "shutdown.grace.ms": { type: "ms", default: 30_000, min: 0, max: 900_000, restart: true, about: "How long requests in flight may take when the server is told to stop." },
} as const;
serverConfigTable satisfies Table;

export type ServerConfigKey = keyof typeof serverConfigTable;
export type ServerConfig = Values<typeof serverConfigTable>;
