// The words agree with Kafka's own tables: error numbers, topic names, UUID texts, topic configuration.

import { readFileSync } from "node:fs";
import {
  ClusterError,
  errorName,
  errorTable,
  failureOf,
  InvariantError,
  parseTopicConfig,
  toOffset,
  topicConfigTable,
  uuidFromText,
  uuidToText,
  validateTopicName,
} from "@varve/model";
import { describe, expect, test } from "vitest";

function fixture<Row>(name: string): readonly Row[] {
  return JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), "utf8"));
}

describe("the error table", () => {
  const kafka = new Map(fixture<{ name: string; code: number; retriable: boolean }>("errors").map((row) => [row.name, row]));

  test("every code has Kafka's number and may be retried when Kafka says so", () => {
    for (const [name, row] of Object.entries(errorTable)) {
      expect({ name, code: row.code, retriable: row.retriable }).toEqual({
        name,
        code: kafka.get(name)?.code,
        retriable: kafka.get(name)?.retriable,
      });
    }
  });

  test("a number names its code, and an unknown number is an unknown error", () => {
    expect(errorName(74)).toBe("FENCED_LEADER_EPOCH");
    expect(errorName(31_000)).toBe("UNKNOWN_SERVER_ERROR");
  });

  test("only a ClusterError is a failure of an operation; an invariant that broke goes on up", () => {
    expect(failureOf(new ClusterError("INVALID_REQUEST", "no entries"))).toEqual({ code: "INVALID_REQUEST", message: "no entries" });
    expect(() => failureOf(new InvariantError("two leaders"))).toThrow(InvariantError);
  });
});

test("topic names are valid exactly where Kafka's are", () => {
  for (const { name, valid } of fixture<{ name: string; valid: boolean }>("topic-name")) {
    let accepted = true;
    try {
      validateTopicName(name);
    } catch (error) {
      accepted = false;
      expect((error as ClusterError).code).toBe("INVALID_TOPIC_EXCEPTION");
    }
    expect({ name, accepted }).toEqual({ name, accepted: valid });
  }
});

describe("UUIDs", () => {
  test("16 bytes have the text that Kafka gives them, and back", () => {
    for (const { bytes, text } of fixture<{ bytes: string; text: string }>("uuid")) {
      expect(uuidToText(Uint8Array.from(Buffer.from(bytes, "hex")))).toBe(text);
      expect(Buffer.from(uuidFromText(text)).toString("hex")).toBe(bytes);
    }
  });

  test.each(["", "short", "AAAAAAAAAAAAAAAAAAAAA!", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAAAAA"])("%j is no UUID", (text) => {
    expect(() => uuidFromText(text)).toThrow(RangeError);
  });
});

describe("topic configuration", () => {
  test("keys that Kafka has as well have Kafka's default and least value", () => {
    // Where we differ on purpose: segment.bytes may be smaller (tests and tiny topics), compaction comes with its own issue, and "for ever" is 2^53 - 1.
    const ours = new Map(Object.entries(topicConfigTable));
    for (const row of fixture<{ name: string; default: string }>("config-topic")) {
      const property = ours.get(row.name);
      if (property === undefined) continue;
      const expected = row.default === "9223372036854775807" ? String(Number.MAX_SAFE_INTEGER) : row.default;
      expect({ name: row.name, default: String(property.default) }).toEqual({ name: row.name, default: expected });
    }
  });

  test("sizes, durations and lists are read from text", () => {
    const texts = new Map([
      ["segment.bytes", "64MiB"],
      ["retention.ms", "7d"],
      ["cleanup.policy", "delete"],
      ["durability", "replicated"],
    ]);
    expect(parseTopicConfig(texts)).toEqual({
      values: { "segment.bytes": 67_108_864, "retention.ms": 604_800_000, "cleanup.policy": ["delete"], durability: "replicated" },
    });
  });

  test("all problems are told at once, also for keys that every object has", () => {
    const parsed = parseTopicConfig(
      new Map([
        ["__proto__", "1"],
        ["constructor", "1"],
        ["segment.bytes", "tiny"],
        ["durability", "maybe"],
        ["retention.ms", "-2"],
      ]),
    );
    expect("problems" in parsed && parsed.problems).toHaveLength(5);
  });
});

test.each([-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])("%d is no offset", (value) => {
  expect(() => toOffset(value)).toThrow(RangeError);
});
