// The end of the log: what a reader who has stopped reading can cost.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";

test("a reader who has stopped reading holds up nobody: the loop turns, what waits is bounded, the rest is dropped", async () => {
  const program = `
    import { LogOutput } from ${JSON.stringify(new URL("../src/node/log-output.ts", import.meta.url).href)};
    const output = new LogOutput(1);
    const line = "x".repeat(999) + "\\n";
    let turns = 0;
    const timer = setInterval(() => {
      for (let at = 0; at < 1_000; at++) output.write(line);
      if (++turns < 30) return;
      clearInterval(timer);
      process.stderr.write("turned");
    }, 1);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
  // Nobody reads its stdout: the pipe takes 64 KiB, then the writer stands still.
  const [said] = (await once(child.stderr, "data")) as [Buffer];
  expect(String(said)).toBe("turned");
  // 30 MB were logged. Now it is read: what the pipe held, what was on its way, and at most a megabyte that waited.
  let bytes = 0;
  child.stdout.on("data", (data: Buffer) => {
    bytes += data.length;
  });
  await once(child, "close");
  expect(bytes).toBeGreaterThan(1_000_000);
  expect(bytes).toBeLessThan(4_000_000);
  expect(bytes % 1_000).toBe(0);
});
