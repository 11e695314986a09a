// The error table: Kafka's names and numbers, which never change, and the one error class that carries them.
// `about` is a sentence for whoever meets the error: what it means, then what to do.

export interface ErrorRow {
  readonly code: number;
  /** The same request may succeed later, unchanged. */
  readonly retriable: boolean;
  readonly about: string;
}

export const errorTable = {
  UNKNOWN_SERVER_ERROR: {
    code: -1,
    retriable: false,
    about: "The server met a state that it has no name for. Its log says which; report it with that line.",
  },
  OFFSET_OUT_OF_RANGE: {
    code: 1,
    retriable: false,
    about: "The offset is not in the log. Ask for the earliest or latest offset and go on from there.",
  },
  CORRUPT_MESSAGE: {
    code: 2,
    retriable: true,
    about:
      "A record batch does not match its checksum or its own lengths. Send it again; if it comes from the disk, run `varve log verify`.",
  },
  UNKNOWN_TOPIC_OR_PARTITION: {
    code: 3,
    retriable: true,
    about: "No such topic or partition here. Create it, or look at `varve topic ls`.",
  },
  NOT_LEADER_OR_FOLLOWER: {
    code: 6,
    retriable: true,
    about: "This broker does not lead the partition now; whether an earlier attempt was stored is unknown. Refresh the metadata and retry.",
  },
  REQUEST_TIMED_OUT: {
    code: 7,
    retriable: true,
    about: "The answer took longer than the request allows; whether it took effect is unknown. Retry.",
  },
  BROKER_NOT_AVAILABLE: { code: 8, retriable: false, about: "The broker is not up. Start it, or name another one." },
  MESSAGE_TOO_LARGE: {
    code: 10,
    retriable: false,
    about: "The batch is larger than the topic's max.message.bytes. Send smaller batches or raise the limit.",
  },
  NETWORK_EXCEPTION: {
    code: 13,
    retriable: true,
    about: "The connection ended before the answer came; whether the request took effect is unknown. Retry.",
  },
  INVALID_TOPIC_EXCEPTION: {
    code: 17,
    retriable: false,
    about: "A topic name has 1 to 249 characters of a-z, A-Z, 0-9, `.`, `_`, `-`, and is not `.` or `..`.",
  },
  RECORD_LIST_TOO_LARGE: {
    code: 18,
    retriable: false,
    about: "The batch is larger than a whole segment. Send smaller batches or raise segment.bytes.",
  },
  NOT_ENOUGH_REPLICAS: {
    code: 19,
    retriable: true,
    about: "Fewer replicas are in sync than min.insync.replicas. Bring brokers back, then retry.",
  },
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: {
    code: 20,
    retriable: true,
    about: "The batch was written, but too few replicas are in sync to promise it. Retry.",
  },
  INVALID_REQUIRED_ACKS: { code: 21, retriable: false, about: "acks is none, leader or all." },
  TOPIC_AUTHORIZATION_FAILED: { code: 29, retriable: false, about: "The principal may not use this topic." },
  INVALID_TIMESTAMP: { code: 32, retriable: false, about: "A timestamp lies outside the topic's message.timestamp bounds." },
  UNSUPPORTED_VERSION: {
    code: 35,
    retriable: false,
    about: "The other side speaks a version that this one does not know. Upgrade the older of the two.",
  },
  TOPIC_ALREADY_EXISTS: { code: 36, retriable: false, about: "A topic of this name exists." },
  INVALID_PARTITIONS: {
    code: 37,
    retriable: false,
    about: "The partition count is not in the allowed range, or not above the present one.",
  },
  INVALID_REPLICATION_FACTOR: { code: 38, retriable: false, about: "The replication factor is below 1 or above the number of brokers." },
  INVALID_REPLICA_ASSIGNMENT: { code: 39, retriable: false, about: "The replica assignment names unknown or repeated brokers." },
  INVALID_CONFIG: { code: 40, retriable: false, about: "A configuration key or value is not valid; the message says which and what is." },
  NOT_CONTROLLER: {
    code: 41,
    retriable: true,
    about: "This node does not lead the controller quorum now. Refresh the metadata and retry.",
  },
  INVALID_REQUEST: { code: 42, retriable: false, about: "The request contradicts itself or its contract; the message says where." },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: { code: 43, retriable: false, about: "Only record batches of magic 2 are stored." },
  POLICY_VIOLATION: { code: 44, retriable: false, about: "A limit of the cluster forbids it; the message names the limit." },
  OUT_OF_ORDER_SEQUENCE_NUMBER: {
    code: 45,
    retriable: false,
    about: "The producer's sequence does not continue what the log holds: a batch before it is missing.",
  },
  DUPLICATE_SEQUENCE_NUMBER: { code: 46, retriable: false, about: "The batch was stored before, too long ago to say at which offset." },
  INVALID_PRODUCER_EPOCH: { code: 47, retriable: false, about: "A newer instance of this producer exists. Stop the older one." },
  INVALID_TXN_STATE: { code: 48, retriable: false, about: "The transactional operation does not fit the transaction's state." },
  KAFKA_STORAGE_ERROR: {
    code: 56,
    retriable: true,
    about: "The partition's log is offline on this broker: its disk failed or is full. See the broker's log.",
  },
  UNKNOWN_PRODUCER_ID: { code: 59, retriable: false, about: "The log no longer knows this producer id. Ask for a new one." },
  FETCH_SESSION_ID_NOT_FOUND: {
    code: 70,
    retriable: true,
    about: "The server does not know this stream's state any more. Open a new one.",
  },
  FENCED_LEADER_EPOCH: {
    code: 74,
    retriable: true,
    about: "The request carries an older leader epoch than the broker's. Refresh the metadata and retry.",
  },
  UNKNOWN_LEADER_EPOCH: {
    code: 75,
    retriable: true,
    about: "The request carries a newer leader epoch than the broker has learned yet. Retry.",
  },
  UNSUPPORTED_COMPRESSION_TYPE: { code: 76, retriable: false, about: "The batch's codec is not one of none, gzip, snappy, lz4, zstd." },
  STALE_BROKER_EPOCH: { code: 77, retriable: false, about: "The broker has registered again since it sent this." },
  OFFSET_NOT_AVAILABLE: { code: 78, retriable: true, about: "The leader is new and does not know its high watermark yet. Retry." },
  INVALID_RECORD: { code: 87, retriable: false, about: "The broker refuses this record batch; the message says which field is wrong." },
  THROTTLING_QUOTA_EXCEEDED: {
    code: 89,
    retriable: true,
    about: "Too much at once: the sender is over its share of memory or rate. Slow down and retry.",
  },
  DUPLICATE_RESOURCE: { code: 92, retriable: false, about: "The request names the same thing twice." },
  INCONSISTENT_TOPIC_ID: {
    code: 103,
    retriable: true,
    about: "The topic id does not belong to the topic any more: it was deleted and created again.",
  },
  INCONSISTENT_CLUSTER_ID: { code: 104, retriable: false, about: "The node belongs to another cluster." },
  UNKNOWN_TOPIC_ID: {
    code: 100,
    retriable: true,
    about: "No topic has this id here: it was deleted, or the broker has not learned of it yet. Refresh the metadata and retry.",
  },
  DUPLICATE_BROKER_REGISTRATION: { code: 101, retriable: false, about: "Another running broker has this node id." },
  BROKER_ID_NOT_REGISTERED: { code: 102, retriable: false, about: "No broker with this id is registered." },
} as const;
errorTable satisfies Readonly<Record<string, ErrorRow>>;

export type ErrorCode = keyof typeof errorTable;

const nameOf: ReadonlyMap<number, ErrorCode> = new Map(Object.entries(errorTable).map(([name, { code }]) => [code, name as ErrorCode]));

/** The name of Kafka's number; UNKNOWN_SERVER_ERROR for one that the table lacks. 0 is no error and has no name. */
export function errorName(code: number): ErrorCode {
  return nameOf.get(code) ?? "UNKNOWN_SERVER_ERROR";
}

/** An operation failed: callers match on `code`, people read `message` (what, where, which value). */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get retriable(): boolean {
    return errorTable[this.code].retriable;
  }

  /** What the code means and what to do about it, for people. */
  get help(): string {
    return errorTable[this.code].about;
  }
}

/** A failure as part of an answer, where the rest of the answer is good. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What `error` is to a caller: itself when it is a `ClusterError`, else UNKNOWN_SERVER_ERROR with its message. */
export function toFailure(error: unknown): Failure {
  if (error instanceof ClusterError) return { code: error.code, message: error.message };
  return { code: "UNKNOWN_SERVER_ERROR", message: error instanceof Error ? error.message : String(error) };
}

/** The failure that `error` is to a caller of an operation. Rethrows what no handler may catch: anything but a `ClusterError`. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ClusterError) return { code: error.code, message: error.message };
  throw error;
}
