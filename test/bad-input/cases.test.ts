// Which bad input is shown where: a row for each case, with the tests that show it. A row whose test is gone or renamed fails here.

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { sourceOf } from "../tidy/source.ts";

const here = "test/bad-input";
const grpc = "packages/transport-grpc/test";
const record = "packages/record/test";

/** Source of the rows: correctness.md 9.2, as far as there is something that can be sent such input. */
const cases: Readonly<Record<string, readonly (readonly [path: string, name: string])[]>> = {
  "garbage instead of frames": [
    [`${here}/frames.test.ts`, "random bytes as messages of every method are refused or mean nothing, a thousand times over"],
    [`${here}/frames.test.ts`, "header blocks of a megabyte and sockets that speak anything else are closed or left alone"],
    [`${grpc}/listener-grpc.test.ts`, "$name on a raw socket costs nobody else anything"],
  ],
  "frames that are cut": [
    [`${here}/frames.test.ts`, "a write that is cut at any byte, its stream reset or half-closed, is not carried out"],
    [`${grpc}/listener-grpc.test.ts`, "a message that is half there when its stream is reset is never seen"],
    [`${grpc}/produce-codec.test.ts`, "every prefix of a request is refused or leaves out whole entries"],
  ],
  "frames that lie about their length or encoding": [
    [
      `${here}/frames.test.ts`,
      "frames of garbage, of lengths that lie and of other encodings end their stream with an error and cost nobody else anything",
    ],
    [`${grpc}/listener-grpc.test.ts`, "$name ends its stream with an error, and another stream of the same connection works"],
  ],
  "a header block of a megabyte": [
    [`${here}/frames.test.ts`, "header blocks of a megabyte and sockets that speak anything else are closed or left alone"],
    [`${grpc}/grpc-js.test.ts`, "a header block of a megabyte, in one header or in many, is refused, and the next request works"],
  ],
  "streams that are opened and reset at once": [
    [`${grpc}/listener-grpc.test.ts`, "a thousand streams that are opened and reset at once cost nobody else anything"],
  ],
  "messages, groups and strings that protobuf would choke on": [
    ["packages/proto/test/codec.test.ts", "groups nested 200 deep are refused"],
    ["packages/proto/test/codec.test.ts", "a string that is cut off is refused, also in a Buffer"],
    ["packages/proto/test/codec.test.ts", "the key __proto__ of a map is a key like any other"],
    [
      `${grpc}/fetch-codec.test.ts`,
      "damaged messages are decoded to something or refused with INVALID_REQUEST, and never read past their end",
    ],
  ],
  "batches with a wrong checksum, length, count, magic, attribute bit, time or producer": [
    [
      `${here}/produce-requests.test.ts`,
      "every bad batch of the table has its code and leaves no trace, and the good write behind each is stored",
    ],
    [`${record}/produced-batch.test.ts`, "nothing passes that Kafka refuses, but what only the records can tell"],
  ],
  "sequences out of order": [
    [
      `${here}/produce-requests.test.ts`,
      "a sequence that leaves a gap, goes back or comes from an older epoch has its code; a repeated batch is stored once",
    ],
  ],
  "records over the limit": [
    [
      `${here}/produce-requests.test.ts`,
      "a batch of one byte over max.message.bytes is MESSAGE_TOO_LARGE, one of exactly that size is stored",
    ],
    [`${here}/produce-requests.test.ts`, "a batch that is larger than a whole segment is RECORD_LIST_TOO_LARGE"],
    [`${record}/batch-builder.test.ts`, "a record over the target has a batch to itself, up to the maximum"],
  ],
  "unknown topics, negative and huge partitions and epochs": [
    [
      `${here}/produce-requests.test.ts`,
      "topics, partitions and epochs that are not there have their codes, beside a good entry that is stored",
    ],
    [
      `${here}/fetch-requests.test.ts`,
      "topics, partitions, epochs and offsets that are not there have their codes, beside a good entry that is read",
    ],
  ],
  "negative and huge offsets and times": [
    [
      `${here}/fetch-requests.test.ts`,
      "offsets below 0 and beyond 2^53, ids of a wrong length and partitions named twice are INVALID_REQUEST",
    ],
    [
      `${here}/fetch-requests.test.ts`,
      "look-ups of offsets: what is not there has its code, what is no position or no time is INVALID_REQUEST",
    ],
    [
      `${here}/fetch-requests.test.ts`,
      "records are deleted up to the high watermark: beyond it OFFSET_OUT_OF_RANGE, below 0 and beyond 2^53 INVALID_REQUEST",
    ],
    [`${here}/fetch-requests.test.ts`, "waits, sizes and credit beyond any bound are cut to the server's own, and 0 is 0"],
  ],
  "names of topics": [
    [`${here}/topics.test.ts`, "a topic named with $what is INVALID_TOPIC_EXCEPTION, and asked for it is not there"],
    [`${here}/topics.test.ts`, "the odd name %s is a topic like any other, made, found, configured and deleted"],
    [`${here}/topics.test.ts`, "names that differ in dot and underscore only collide"],
    ["packages/controller/test/create-topics.test.ts", "the name $name is taken or refused as Kafka does"],
  ],
  "counts of partitions and replicas": [
    [`${here}/topics.test.ts`, "counts of partitions and replicas: 0 is the default, what lies outside their bounds has its code"],
  ],
  configurations: [
    [
      `${here}/topics.test.ts`,
      "configurations: unknown keys, keys that every object has, and values outside their bounds are INVALID_CONFIG and change nothing",
    ],
    [
      "packages/controller/test/create-topics.test.ts",
      "all problems of a configuration come in one answer, and a hundred of them in a bounded one",
    ],
  ],
  "wrong order and repetition": [
    [`${here}/topics.test.ts`, "requests in the wrong order or twice: each has its code, and the state is that of the first"],
    [
      `${here}/produce-requests.test.ts`,
      "a topic that is deleted while it is written to answers UNKNOWN_TOPIC_ID, also after another took its name",
    ],
    [
      `${here}/produce-requests.test.ts`,
      "the same correlation twice ends the stream; what was taken before it is stored, and another stream works",
    ],
    [
      `${here}/fetch-requests.test.ts`,
      "a wait that nobody waits for any more ends with its stream, whether it is cancelled or its topic goes",
    ],
    [`${grpc}/listener.test.ts`, "two messages, or none, are no unary call"],
  ],
  "a client that never reads, is slow, stuck or greedy": [
    [
      `${here}/unread.test.ts`,
      "sixteen streams that ask for 6 GiB and read nothing keep a bounded part of it, and others are served meanwhile and afterwards",
    ],
    [`${here}/slow-clients.test.ts`, "beside a client that $what the others' median is at most 1.2 times that without it"],
    [
      `${grpc}/fetch-stream.test.ts`,
      "a client that takes nothing off the transport holds one answer here, costs nobody else, and is ended after a minute",
    ],
    [
      `${grpc}/produce-stream.test.ts`,
      "a client that never reads its answers keeps a bounded part of them, costs nobody else, and is ended after a minute",
    ],
    [`${grpc}/produce-stream.test.ts`, "a client that sends without credit loses its stream, and nobody else loses anything"],
  ],
  "lying counts, broken records and bombs, for who opens batches": [
    [`${here}/opened-batches.test.ts`, "$what: stored, named by whoever opens it, and stepped over"],
    [`${record}/broken-records.test.ts`, "$id: $note"],
    ["packages/runtime/test/compression.test.ts", "opens up to its cap and not a byte further"],
  ],
};

const root = fileURLToPath(new URL("../..", import.meta.url));

test.for(Object.entries(cases))("%s: every test that is said to show it exists", ([, references]) => {
  const missing = references.filter(([path, name]) => {
    if (!existsSync(root + path)) return true;
    return !sourceOf(readFileSync(root + path, "utf8")).tokens.some((token) => token.kind === "text" && token.text === name);
  });
  expect(missing).toEqual([]);
  expect(references.length).toBeGreaterThan(0);
});
