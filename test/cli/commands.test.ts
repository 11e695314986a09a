// Each command that talks to a cluster as a person or a script meets it: a process, its streams and its exit code, against a real broker.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { flagVariable, tree } from "@varve/cli";
import { describe, expect, test } from "vitest";
import { json, jsonLines } from "./command.ts";
import { bareEnvironment, varve } from "./server-process.ts";
import { stage } from "./stage.ts";

const { folder, server, run } = stage();

describe("topic", () => {
  test("is created, listed, described and removed, in text and in JSON", async () => {
    const made = await run(["topic", "create", "one", "--partitions", "2", "-c", "retention.ms=1h", "--format", "json"]);
    expect(made).toMatchObject({ code: 0, err: "" });
    const { topicId } = json(made.out) as { topicId: string };
    expect(json(made.out)).toEqual({ name: "one", created: true, topicId, partitions: 2, replicationFactor: 1 });

    const [list, described, text] = await Promise.all([
      run(["topic", "ls", "--format", "json"]),
      run(["topic", "desc", "one", "--format", "json"]),
      run(["topic", "desc", "one"]),
    ]);
    expect(json(list.out)).toContainEqual({ name: "one", topicId, partitions: 2, replicationFactor: 1 });
    const topic = json(described.out) as {
      partitions: { leader: number; start: number; end: number }[];
      settings: { key: string; value: string }[];
    };
    expect(topic.partitions).toHaveLength(2);
    expect(topic.partitions[0]).toMatchObject({
      partition: 0,
      leader: 1,
      leaderEpoch: 0,
      replicas: [1],
      inSyncReplicas: [1],
      start: 0,
      end: 0,
    });
    expect(topic.settings).toContainEqual(expect.objectContaining({ key: "retention.ms", value: "3600000", isSet: true }));
    // What the text shows, the JSON has.
    expect(text.out).toContain(topicId);
    for (const { key, value } of topic.settings) expect(text.out).toMatch(new RegExp(`${key} +${value} `));

    const plan = await run(["topic", "rm", "one"]);
    expect(plan.code).toBe(7);
    expect(plan.out).toContain("would be deleted");
    expect(plan.err).toContain("--yes");
    expect(await run(["topic", "rm", "one", "--yes"])).toMatchObject({ code: 0, out: `one deleted (id ${topicId})\n` });
    expect((await run(["topic", "desc", "one"])).code).toBe(3);
  });

  test("is created once, and a second time only with --if-not-exists", async () => {
    expect((await run(["topic", "create", "twice"])).code).toBe(0);
    const again = await run(["topic", "create", "twice", "--format", "json"]);
    expect(again.code).toBe(1);
    expect(json(again.err)).toMatchObject({
      error: { code: "TOPIC_ALREADY_EXISTS", message: expect.stringContaining("twice"), help: expect.any(String) },
    });
    const lenient = await run(["topic", "create", "twice", "--if-not-exists", "--format", "json"]);
    expect(json(lenient.out)).toMatchObject({ name: "twice", created: false });
  });

  test("removal of several tells what failed, and ends with the code of a part", async () => {
    await run(["topic", "create", "gone"]);
    const { code, out } = await run(["topic", "rm", "gone", "never", "--yes", "--format", "json"]);
    expect(code).toBe(6);
    expect(json(out)).toMatchObject([
      { name: "gone", deleted: true },
      { name: "never", deleted: false, error: { code: "UNKNOWN_TOPIC_OR_PARTITION" } },
    ]);
  });
});

describe("produce and consume", () => {
  test("keep keys, headers, times, nulls and bytes that are no text, as JSON lines", async () => {
    await run(["topic", "create", "json"]);
    const records = [
      {
        key: "c1",
        value: "paid",
        headers: [
          ["tenant", "a"],
          ["tenant", "b"],
        ],
        timestamp: 1_760_000_000_000,
      },
      { key: null, value: { b64: "AP+A" }, headers: [["h", null]], timestamp: 1_760_000_000_001 },
      { key: "c1", value: null, headers: [], timestamp: 1_760_000_000_002 },
    ];
    const input = records.map((record) => JSON.stringify(record)).join("\n");
    const produced = await run(["produce", "json", "--input", "json", "--format", "json", "-q"], { input });
    expect(produced).toMatchObject({ code: 0, err: "" });
    expect(json(produced.out)).toMatchObject({
      topic: "json",
      records: 3,
      failed: 0,
      error: null,
      partitions: [{ partition: 0, first: 0, last: 2 }],
    });
    const consumed = await run(["consume", "json", "--format", "json"]);
    expect(consumed.code).toBe(0);
    expect(jsonLines(consumed.out)).toEqual(records.map((record, offset) => ({ topic: "json", partition: 0, offset, ...record })));
    expect(consumed.err).toMatch(/^3 records, /);
  });

  test("JSON values that are no text are stored as their JSON, and --header and --key stand for what a line lacks", async () => {
    await run(["topic", "create", "values"]);
    await run(["produce", "values", "-i", "json", "-k", "fixed", "-H", "from=cli"], {
      input: '{"value":{"total":9}}\n{"key":"own","value":7}',
    });
    const { out } = await run(["consume", "values", "--format", "json"]);
    expect(jsonLines(out)).toMatchObject([
      { key: "fixed", value: '{"total":9}', headers: [["from", "cli"]] },
      { key: "own", value: "7", headers: [["from", "cli"]] },
    ]);
  });

  test("exact lines come back byte for byte, carriage returns, empty lines and a last line without newline included", async () => {
    await run(["topic", "create", "exact"]);
    const bytes = Buffer.from("one\r\n\n\u0000\ttwo\n\tempty key\nnö key\nlast", "utf8");
    const input = Buffer.concat([bytes, Buffer.from([0xff, 0xfe])]);
    expect((await run(["produce", "exact", "-i", "exact", "-K", "\\t"], { input })).code).toBe(0);
    const { out } = await run(["consume", "exact", "--format", "exact", "-K", "\\t", "-q"]);
    expect(Buffer.from(out, "latin1").equals(input)).toBe(true);
  });

  test("places, counts and partitions select what is read", async () => {
    await run(["topic", "create", "places", "--partitions", "2"]);
    const at = (minute: number) => Date.UTC(2026, 4, 1, 12, minute);
    const input = [0, 1, 2, 3, 4].map((minute) => JSON.stringify({ value: `v${minute}`, timestamp: at(minute) })).join("\n");
    await run(["produce", "places", "-i", "json", "-p", "1"], { input });
    const read = async (...flags: string[]) => (await run(["consume", "places", "-q", ...flags])).out;
    const [from, until, count, empty, other, time] = await Promise.all([
      read("--from", "@3", "-p", "1"),
      read("--until", "@2", "-p", "1"),
      read("-n", "3"),
      read("--from", "end"),
      read("-p", "0"),
      read("--from", "2026-05-01T12:02:00Z", "--until", "2026-05-01T12:04:00Z", "-p", "1"),
    ]);
    expect({ from, until, count, empty, other, time }).toEqual({
      from: "v3\nv4\n",
      until: "v0\nv1\n",
      count: "v0\nv1\nv2\n",
      empty: "",
      other: "",
      time: "v2\nv3\n",
    });
  });

  test("--follow waits for new records until Ctrl-C, which ends it with 130", async () => {
    await run(["topic", "create", "live"]);
    await run(["produce", "live"], { input: "first\n" });
    let sent = false;
    const { code, out } = await run(["consume", "live", "--follow"], {
      interrupt: (written) => {
        if (written === "first\n" && !sent) {
          sent = true;
          void run(["produce", "live"], { input: "second\n" });
        }
        return written === "first\nsecond\n" ? "SIGINT" : undefined;
      },
    });
    expect({ code, out }).toEqual({ code: 130, out: "first\nsecond\n" });
  });

  test("Ctrl-C ends produce with 130, and it says what is stored", async () => {
    await run(["topic", "create", "stopped"]);
    // Its input goes on for as long as it runs.
    const env = { ...bareEnvironment(), VARVE_BOOTSTRAP: server.address };
    const child = spawn(process.execPath, [varve, "produce", "stopped"], { stdio: ["pipe", "pipe", "pipe"], env });
    let err = "";
    child.stderr.on("data", (piece: Buffer) => {
      err += piece.toString();
    });
    child.stdin.on("error", () => undefined);
    child.stdin.write("one\ntwo\n");
    for (let stored = ""; !stored.includes("two"); ) stored = (await run(["consume", "stopped"])).out;
    child.kill("SIGINT");
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(130);
    expect(err).toContain("varve: interrupted; 2 records are stored, 0 more were under way");
  });

  test("a reader that has had enough ends consume quietly", async () => {
    await run(["topic", "create", "head"]);
    await run(["produce", "head"], { input: `${"a line of some length\n".repeat(200_000)}` });
    const env = { ...bareEnvironment(), VARVE_BOOTSTRAP: server.address };
    const child = spawn(process.execPath, [varve, "consume", "head"], { stdio: ["ignore", "pipe", "pipe"], env });
    let err = "";
    child.stderr.on("data", (piece: Buffer) => {
      err += piece.toString();
    });
    child.stdout.once("data", () => child.stdout.destroy());
    const [code] = (await once(child, "close")) as [number];
    expect({ code, err }).toEqual({ code: 0, err: "" });
  });

  test("a reader that is slow gets everything, and nothing is said about it", async () => {
    const env = { ...bareEnvironment(), VARVE_BOOTSTRAP: server.address };
    const child = spawn(process.execPath, [varve, "consume", "head", "-q"], { stdio: ["ignore", "pipe", "pipe"], env });
    let [bytes, err] = [0, ""];
    child.stderr.on("data", (piece: Buffer) => {
      err += piece.toString();
    });
    for await (const piece of child.stdout as AsyncIterable<Buffer>) {
      bytes += piece.length;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    if (child.exitCode === null) await once(child, "close");
    expect({ bytes, err, code: child.exitCode }).toEqual({ bytes: 200_000 * 22, err: "", code: 0 });
  });

  test("produce says which line could not be stored, and what is", async () => {
    await run(["topic", "create", "broken"]);
    const { code, out, err } = await run(["produce", "broken", "-i", "json", "--format", "json", "-q"], {
      input: '{"value":"good"}\n{"value":\n',
    });
    expect(code).toBe(6);
    expect(json(out)).toMatchObject({ records: 1, failed: 1, error: { line: 2 } });
    expect(err).toMatch(/^varve: line 2: .*JSON/);
    const long = await run(["produce", "broken", "--line-bytes-max", "10", "-q"], { input: "12345678901\n" });
    expect(long).toMatchObject({ code: 1, err: expect.stringContaining("line 1 is longer than 10 bytes; --line-bytes-max allows more") });
  });

  test("a record that is larger than the topic takes is refused by its code", async () => {
    await run(["topic", "create", "small", "-c", "max.message.bytes=1000"]);
    const { code, err } = await run(["produce", "small"], { input: "x".repeat(2000) });
    expect(code).toBe(1);
    expect(err).toContain("MESSAGE_TOO_LARGE");
  });

  test.each([
    [["consume", "nowhere"], 3, "nowhere"],
    [["produce", "nowhere"], 3, "nowhere"],
    [["produce", "json", join(folder, "no-such-file")], 3, "there is no such file"],
    [["consume", "json", "--from", "yesterday"], 2, "--from is start, end"],
    [["produce", "json", "-K", ""], 2, "--key-separator is empty"],
    [["produce", "json", "-H", "x", "--linger", "soon"], 2, "--linger is a whole number"],
    [["topic", "frobnicate"], 2, "unknown command 'frobnicate'"],
    [["topic", "create"], 2, "missing required argument 'topic'"],
    [["topic", "ls", "--nope"], 2, "unknown option '--nope'"],
    [["errors", "NO_SUCH"], 3, "there is no error NO_SUCH"],
  ])("varve %j ends with %i", async (args, code, message) => {
    const ended = await run(args, { input: "x\n" });
    expect(ended.code).toBe(code);
    expect(ended.err).toContain(message);
    expect(ended.out).toBe("");
  });

  test("no broker is told as such, with what to do", async () => {
    const { code, err } = await run(["topic", "ls", "--timeout", "300ms"], { environment: { VARVE_BOOTSTRAP: "127.0.0.1:1" } });
    expect(code).toBe(5);
    expect(err).toContain("`varve server` starts one");
  });
});

describe("environment", () => {
  test("a variable stands for its flag, and the flag counts before it", async () => {
    const environment = { VARVE_FORMAT: "json" };
    expect(json((await run(["version"], { environment })).out)).toMatchObject({ varve: expect.any(String), node: process.versions.node });
    expect((await run(["version", "--format", "text"], { environment })).out).toMatch(/^varve \S+ on Node /);
    const bad = await run(["version"], { environment: { VARVE_FORMAT: "xml" } });
    expect(bad).toMatchObject({ code: 2, err: expect.stringContaining("VARVE_FORMAT is one of text, json") });
  });
});

describe("errors", () => {
  test("are shown by name and by number, and all together", async () => {
    const [byName, byNumber, all] = await Promise.all([
      run(["errors", "offset_out_of_range"]),
      run(["errors", "1", "--format", "json"]),
      run(["errors"]),
    ]);
    expect(byName.out).toMatch(/^OFFSET_OUT_OF_RANGE \(1\), not retriable\n/);
    expect(json(byNumber.out)).toMatchObject({ name: "OFFSET_OUT_OF_RANGE", code: 1, retriable: false });
    expect(all.out).toContain("NOT_LEADER_OR_FOLLOWER");
  });
});

test("every command shows help with its flags, their variables and an example", async () => {
  const helps = await Promise.all(tree.map(async (command) => [command, await run([...command.path, "--help"])] as const));
  for (const [command, { code, out }] of helps) {
    expect(code).toBe(0);
    expect(out).toContain(`Example:\n  varve ${command.example}`);
    for (const name of Object.keys(command.flags)) expect(out).toMatch(new RegExp(`--${name}\\b[\\s\\S]*${flagVariable(command, name)}`));
  }
});
