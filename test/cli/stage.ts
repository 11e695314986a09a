// What the tests of one file share: a broker, a folder for their files, and `varve` pointed at that broker. Made before the first test of the
// file, gone after its last.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import { type Ended, type Options, runCommand } from "./command.ts";
import { ServerProcess } from "./server-process.ts";

export interface Stage {
  readonly folder: string;
  readonly server: ServerProcess;
  run(args: readonly string[], options?: Options): Promise<Ended>;
}

export function stage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), "varve-commands-"));
  const server = new ServerProcess();
  beforeAll(() => server.start());
  afterAll(async () => {
    expect(await server.stop()).toBe(0);
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (args: readonly string[], options: Options = {}) =>
    runCommand(args, { ...options, environment: { VARVE_BOOTSTRAP: server.address, ...options.environment } });
  return { folder, server, run };
}
