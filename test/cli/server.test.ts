// `varve server` as a process: what it says of its settings, and with which code it ends.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ended, json, type Options, runCommand } from "./command.ts";
import { type ServerProcess, startServer } from "./server-process.ts";

const folder = mkdtempSync(join(tmpdir(), "varve-commands-"));
let server: ServerProcess;

function run(args: readonly string[], options: Options = {}): Promise<Ended> {
  return runCommand(args, { ...options, environment: { VARVE_BOOTSTRAP: server.address, ...options.environment } });
}

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  rmSync(folder, { recursive: true, force: true });
});

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

  test("refuses a directory that another process uses with 73, and an address that is taken with 69", async () => {
    const used = await run(["server", ...flags, "--data-dir", server.folder]);
    expect(used).toMatchObject({ code: 73, out: "", err: expect.stringContaining("another process uses this data directory") });
    const taken = await run(["server", "--http-listener", "", "--listener", server.address, "--data-dir", join(folder, "taken")]);
    expect(taken).toMatchObject({ code: 69, out: "", err: expect.stringContaining("address already in use") });
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
});
