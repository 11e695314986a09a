// Messages and entries as bytes: what goes in comes out, and whatever else comes in is refused with an error that says so, at bounded cost.

import { ClusterError } from "@varve/model";
import {
  type Configuration,
  decodeContent,
  decodeMessage,
  type EntryContent,
  encodeContent,
  encodeMessage,
  type Message,
} from "@varve/raft";
import fc from "fast-check";
import { expect, test } from "vitest";

const number = fc.maxSafeNat();
const node = fc.integer({ min: 0, max: 2 ** 31 - 1 });
const bytes = fc.uint8Array({ maxLength: 300 });

const configuration: fc.Arbitrary<Configuration> = fc.uniqueArray(node, { maxLength: 8 }).map((nodes) => {
  const half = Math.ceil(nodes.length / 2);
  return { voters: nodes.slice(0, half), learners: nodes.slice(half) };
});

const content: fc.Arbitrary<EntryContent> = fc.oneof(
  fc.constant({ kind: "empty" } as const),
  bytes.map((payload) => ({ kind: "payload", bytes: payload }) as const),
  configuration.map((members) => ({ kind: "configuration", configuration: members }) as const),
);

const append = fc
  .record({
    prevIndex: fc.nat(),
    prevTerm: fc.nat(),
    commitIndex: number,
    contents: fc.array(fc.tuple(fc.nat(3), content), { maxLength: 6 }),
  })
  .map(({ prevIndex, prevTerm, commitIndex, contents }) => {
    let term = prevTerm;
    const entries = contents.map(([more, what], at) => {
      term += more;
      return { index: prevIndex + 1 + at, term, content: what };
    });
    return { kind: "append", prevIndex, prevTerm, commitIndex, entries } as const;
  });

const body = fc.oneof(
  fc.record({ kind: fc.constant("pre-vote-request" as const), lastIndex: number, lastTerm: number }),
  fc.record({ kind: fc.constant("vote-request" as const), lastIndex: number, lastTerm: number, isTransfer: fc.boolean() }),
  fc.record({ kind: fc.constantFrom("pre-vote-response" as const, "vote-response" as const), granted: fc.boolean() }),
  append,
  fc.record({ kind: fc.constant("append-accepted" as const), matchIndex: number }),
  fc.record({ kind: fc.constant("append-rejected" as const), prevIndex: number, hintIndex: number, hintTerm: number }),
  fc.record({ kind: fc.constant("heartbeat" as const), commitIndex: number, round: number }),
  fc.record({ kind: fc.constant("heartbeat-response" as const), round: number }),
  fc.record({
    kind: fc.constant("snapshot" as const),
    snapshot: fc.record({ index: number, term: number, configuration, parts: fc.array(bytes, { maxLength: 4 }) }),
  }),
  fc.record({ kind: fc.constant("read-request" as const), context: number }),
  fc.record({ kind: fc.constant("read-response" as const), context: number, index: number }),
  fc.record({ kind: fc.constantFrom("timeout-now" as const, "term-is-over" as const) }),
);

const message: fc.Arbitrary<Message> = fc
  .tuple(fc.record({ from: node, to: node, term: number }), body)
  .map(([envelope, what]) => ({ ...envelope, ...what }) as Message);

/** @returns what decoding answers, or the code of the error that it throws. Any other error fails the test. */
function tried<Value>(decode: () => Value): Value | string {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ClusterError) return error.code;
    throw error;
  }
}

test("a message comes out as it went in", () => {
  fc.assert(
    fc.property(message, (sent) => {
      expect(decodeMessage(encodeMessage(sent))).toEqual(sent);
    }),
  );
});

test("an entry's content comes out as it went in", () => {
  fc.assert(
    fc.property(content, (stored) => {
      expect(decodeContent(encodeContent(stored))).toEqual(stored);
    }),
  );
});

test("append-length-bounds, peerstate-bounds, append-response-nil: a message that is cut off anywhere, or goes on, is refused", () => {
  fc.assert(
    fc.property(message, (sent) => {
      const whole = encodeMessage(sent);
      for (let length = 0; length < whole.length; length++)
        expect(tried(() => decodeMessage(whole.slice(0, length)))).toBe("INVALID_REQUEST");
      expect(tried(() => decodeMessage(Uint8Array.of(...whole, 0)))).toBe("INVALID_REQUEST");
    }),
    { numRuns: 30 },
  );
});

test("bytes that are no message are refused, whatever they say of their lengths", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(15), (garbage, kind) => {
      const outcome = tried(() => decodeMessage(Uint8Array.of(1, kind, ...garbage)));
      if (typeof outcome === "string") expect(outcome).toBe("INVALID_REQUEST");
      // What is taken for a message is one.
      else expect(decodeMessage(encodeMessage(outcome))).toEqual(outcome);
    }),
    { numRuns: 2_000 },
  );
});

test("a count of 2^32 - 1 entries, members or parts costs nothing", () => {
  const envelope = [0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3];
  const zeros = (count: number) => new Array<number>(count).fill(0);
  const many = [255, 255, 255, 255];
  const appended = Uint8Array.of(1, 4, ...envelope, ...zeros(24), ...many);
  const members = Uint8Array.of(1, 9, ...envelope, ...zeros(16), ...many);
  const parts = Uint8Array.of(1, 9, ...envelope, ...zeros(16), ...zeros(8), ...many);
  for (const bytes of [appended, members, parts]) expect(tried(() => decodeMessage(bytes))).toBe("INVALID_REQUEST");
});

test("a message of another version is told from one that is damaged", () => {
  const later = encodeMessage({ kind: "timeout-now", from: 1, to: 2, term: 3 });
  later[0] = 2;
  expect(tried(() => decodeMessage(later))).toBe("UNSUPPORTED_VERSION");
});

test("a node that is in a configuration twice is refused", () => {
  const twice: EntryContent = { kind: "configuration", configuration: { voters: [1, 2], learners: [2] } };
  expect(tried(() => decodeContent(encodeContent(twice)))).toBe("INVALID_REQUEST");
});

test("the layout is what it was: nodes of two builds talk to each other", () => {
  const entry = { index: 6, term: 3, content: { kind: "payload", bytes: Uint8Array.of(0xab) } as const };
  const sent: Message = { kind: "append", from: 1, to: 2, term: 3, prevIndex: 5, prevTerm: 2, commitIndex: 4, entries: [entry] };
  expect(Buffer.from(encodeMessage(sent)).toString("hex")).toBe(
    ["01", "04", "00000001", "00000002", "0000000000000003", "0000000000000005", "0000000000000002", "0000000000000004", "00000001"].join(
      "",
    ) + ["0000000000000003", "00000002", "01", "ab"].join(""),
  );
});
