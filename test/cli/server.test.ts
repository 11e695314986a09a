// `varve server` as a process: what it says of its settings, and with which code it ends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { json } from "./command.ts";
import { bareEnvironment, varve } from "./server-process.ts";
import { stage } from "./stage.ts";

const { folder, server, run } = stage();

describe("server", () => {
  const flags = ["--http-listener", "", "--listener", "127.0.0.1:0"];

  test("tells all problems of file, environment and flags at once, and ends with 78", async () => {
    const file = join(folder, "settings.yaml");
    writeFileSync(file, "node.id: many\nno.such.setting: 1\n");
    const environment = { VARVE_NO_SUCH: "1", VARVE_OPEN_FILES: "3" };
    const { code, out, err } = await run(["server", "--config", file, "--listener", "0.0.0.0:7070"], { environment });
    expect(code).toBe(78);
    expect(out).toBe("");
    for (const problem of [
      "node.id is a whole number",
      '"no.such.setting" is not a setting',
      "VARVE_NO_SUCH names no setting",
      "open.files lies between",
      "not loopback",
    ]) {
      expect(err).toContain(problem);
    }
  });

  test("refuses a directory that another process uses, or that cannot be made, with 73, and an address that is taken with 69", async () => {
    const used = await run(["server", ...flags, "--data-dir", server.folder]);
    expect(used).toMatchObject({ code: 73, out: "", err: expect.stringContaining("another process uses this data directory") });
    const impossible = await run(["server", ...flags, "--data-dir", "/dev/null/data"]);
    expect(impossible).toMatchObject({ code: 73, out: "", err: expect.stringContaining("cannot make the data directory") });
    const taken = await run(["server", "--http-listener", "", "--listener", server.address, "--data-dir", join(folder, "taken")]);
    expect(taken).toMatchObject({ code: 69, out: "", err: expect.stringContaining("address already in use") });
  });

  test("ends with 74 when the disk fails a write or a read before anything is served", async () => {
    // What a file may grow to, as the kernel holds it against this process: not one byte.
    const child = spawn(
      "sh",
      [
        "-c",
        `trap "" XFSZ; ulimit -f 0; exec "$@"`,
        "sh",
        process.execPath,
        varve,
        "server",
        ...flags,
        "--data-dir",
        join(folder, "small"),
      ],
      { stdio: ["ignore", "ignore", "pipe"], env: bareEnvironment() },
    );
    let said = "";
    child.stderr.on("data", (piece: Buffer) => {
      said += piece.toString();
    });
    expect(await once(child, "close")).toEqual([74, null]);
    expect(said).toMatch(/EFBIG.*\n.*\(exit code 74\)/);
    mkdirSync(join(folder, "unreadable", "meta.properties"), { recursive: true });
    const unreadable = await run(["server", ...flags, "--data-dir", join(folder, "unreadable")]);
    expect(unreadable).toMatchObject({ code: 74, err: expect.stringContaining("EISDIR") });
  });

  test("ignores the variables of other commands, says where it listens, and drains on SIGTERM", async () => {
    const environment = { VARVE_FORMAT: "json", VARVE_PRODUCE_ACKS: "all", VARVE_DATA_DIR: join(folder, "own") };
    const { code, out } = await run(["server", ...flags], {
      environment,
      interrupt: (written) => (written.includes("\n") ? "SIGTERM" : undefined),
    });
    expect(code).toBe(0);
    expect(json(out)).toMatchObject({ address: expect.stringMatching(/^127\.0\.0\.1:\d+$/), clusterId: expect.any(String), nodeId: 1 });
  });

  test("answers probes and scrapes as docs/operations.md says, with the metrics that it lists and no others", async () => {
    const child = spawn(
      process.execPath,
      [varve, "server", "--listener", "127.0.0.1:0", "--http-listener", "127.0.0.1:0", "--format", "json"],
      {
        stdio: ["ignore", "pipe", "ignore"],
        env: { ...bareEnvironment(), VARVE_DATA_DIR: join(folder, "observed") },
      },
    );
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const { httpAddress } = json(line.toString()) as { httpAddress: string };
    const get = async (path: string) => {
      const answer = await fetch(`http://${httpAddress}${path}`);
      return { status: answer.status, text: await answer.text() };
    };
    expect(await get("/livez")).toEqual({ status: 200, text: "live\n" });
    expect(await get("/healthz")).toEqual({ status: 200, text: "ready\n" });
    expect(await get("/readyz?verbose")).toEqual({ status: 200, text: "ok  listener\nok  disk space\nok  logs\nok  event loop\n" });
    const page = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8");
    const documented = [...page.matchAll(/^\| `(varve_\w+)` \| (.+) \|$/gm)].map(([, name, help]) => `${name} ${help}`);
    const scraped = [...(await get("/metrics")).text.matchAll(/^# HELP (varve_\w+ .+)$/gm)].map(([, metric]) => metric!);
    expect(documented).toEqual(scraped.sort());
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([0, null]);
  });
});
