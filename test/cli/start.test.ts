// What `npm start` runs, with its output in a pipe: it does all of it, leaves nothing behind, and ends with 0.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bareEnvironment } from "./server-process.ts";

test("an inventory of the installed packages goes through a broker and back, and the folder of it is removed", async () => {
  const start = join(import.meta.dirname, "../../deploy/start.ts");
  const child = spawn(process.execPath, [start], { stdio: ["ignore", "pipe", "pipe"], env: bareEnvironment() });
  let [out, err] = ["", ""];
  child.stdout.on("data", (piece: Buffer) => {
    out += piece.toString();
  });
  child.stderr.on("data", (piece: Buffer) => {
    err += piece.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const [, folder] = /data in (\S+)/.exec(out)!;
  const [, written] = /written +([\d,]+) records: every file of \d+ npm packages/.exec(out)!;
  expect(Number(written!.replaceAll(",", ""))).toBeGreaterThan(1000);
  expect(out).toContain(`read      ${written} records`);
  expect(out).toContain("checked   count, order within each package, SHA-256 over everything: the same");
  expect(out).toContain("stopped; everything is synced");
  expect(existsSync(folder!)).toBe(false);
  // Escape sequences are for terminals.
  expect(out).not.toContain("\u001b");
});
