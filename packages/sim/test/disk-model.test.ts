// Shows that whatever a power cut leaves can be explained by what was done: a slow, obvious model of files and names watches
// random histories and asks of each byte and each name found afterwards where it comes from. Synced ones have one answer only.

import type { Disk } from "@varve/runtime";
import { type DiskOnly, diskOnly } from "@varve/sim";
import fc from "fast-check";
import { expect, test } from "vitest";
import { turn } from "./platform.ts";

const names = ["a", "b", "c"];
const histories = 300;

const kinds = ["create", "unlink", "sync", "sync", "die", "write", "write", "truncate", "rename", "syncFolder", "cut"] as const;
const name = fc.constantFrom(...names);
/** Each kind looks at the fields that it needs. */
const step = fc.record({
  do: fc.constantFrom(...kinds),
  name,
  to: name,
  position: fc.constantFrom(0, 1, 500, 512, 1_000, 4_096),
  length: fc.constantFrom(1, 12, 512, 700, 5_000),
  fill: fc.integer({ min: 1, max: 255 }),
});
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;
const finalCut: Step = { do: "cut", name: "a", to: "a", position: 0, length: 1, fill: 1 };

/** A file: what is surely on the disk, what was done since, and what processes see. */
class FileModel {
  durable: readonly number[];
  current: number[];
  unsynced: ({ readonly position: number; readonly bytes: readonly number[] } | { readonly length: number })[] = [];

  constructor(durable: readonly number[]) {
    this.durable = durable;
    this.current = [...durable];
  }

  sync(): void {
    this.durable = [...this.current];
    this.unsynced = [];
  }

  write(position: number, bytes: readonly number[]): void {
    while (this.current.length < position) this.current.push(0);
    bytes.forEach((byte, at) => {
      this.current[position + at] = byte;
    });
    this.unsynced.push({ position, bytes });
  }

  truncate(length: number): void {
    this.current.length = Math.min(this.current.length, length);
    while (this.current.length < length) this.current.push(0);
    this.unsynced.push({ length });
  }

  explains(found: readonly number[]): boolean {
    const cuts = this.unsynced.filter((change) => "length" in change).map((change) => change.length);
    if (found.length < Math.min(this.durable.length, ...cuts)) return false;
    const ends = this.unsynced.map((change) => ("length" in change ? change.length : change.position + change.bytes.length));
    if (found.length > Math.max(this.durable.length, ...ends)) return false;
    return found.every((byte, at) => {
      if (at < this.durable.length && byte === this.durable[at]) return true;
      if (byte === 0 && (at >= this.durable.length || cuts.some((length) => length <= at))) return true;
      return this.unsynced.some((change) => "bytes" in change && byte === change.bytes[at - change.position]);
    });
  }
}

/** A name: what it surely stands for, and what it stood for since. The last one is what processes see. */
class NameModel {
  candidates: (FileModel | undefined)[] = [undefined];

  get current(): FileModel | undefined {
    return this.candidates.at(-1);
  }
}

async function play(machine: DiskOnly, model: Map<string, NameModel>, steps: readonly Step[]): Promise<void> {
  let rest = steps;
  while (rest.length > 0) {
    const stop = rest.findIndex((step) => step.do === "cut" || step.do === "die");
    const lived = stop < 0 ? rest : rest.slice(0, stop);
    await machine.run(async ({ disk }) => {
      for (const step of lived) await act(disk, model, step);
    });
    const death = stop < 0 ? undefined : rest[stop];
    rest = stop < 0 ? [] : rest.slice(stop + 1);
    if (death?.do === "die") machine.kill("process");
    if (death?.do === "cut") {
      machine.kill("power");
      await machine.run((ports) => compare(ports.disk, model));
    }
  }
}

async function act(disk: Disk, model: Map<string, NameModel>, step: Step): Promise<void> {
  if (step.do === "syncFolder") {
    await disk.syncFolder("");
    for (const entry of model.values()) entry.candidates = [entry.current];
    return;
  }
  const entry = model.get(step.name) as NameModel;
  if (step.do === "create") {
    if (entry.current !== undefined) return;
    await (await disk.open(step.name, "create")).close();
    entry.candidates.push(new FileModel([]));
    return;
  }
  const file = entry.current;
  if (file === undefined) return;
  if (step.do === "unlink") {
    await disk.unlink(step.name);
    entry.candidates.push(undefined);
  } else if (step.do === "rename") {
    await disk.rename(step.name, step.to);
    if (step.name === step.to) return;
    entry.candidates.push(undefined);
    model.get(step.to)?.candidates.push(file);
  } else {
    const handle = await disk.open(step.name, "write");
    if (step.do === "sync") {
      await handle.sync();
      file.sync();
    } else if (step.do === "truncate") {
      await handle.truncate(step.length);
      file.truncate(step.length);
    } else {
      const bytes = Array.from({ length: step.length }, (_, at) => ((step.fill + at) % 255) + 1);
      handle.writeSync(Uint8Array.from(bytes), step.position);
      file.write(step.position, bytes);
    }
    await handle.close();
  }
}

/** Every name and byte found must have come from somewhere; what is found is the truth from now on. */
async function compare(disk: Disk, model: Map<string, NameModel>): Promise<void> {
  const listed = await disk.list("");
  for (const [name, entry] of model) {
    if (!listed.includes(name)) {
      expect(entry.candidates, `${name} is missing`).toContain(undefined);
      entry.candidates = [undefined];
      continue;
    }
    const file = await disk.open(name, "read");
    const bytes = new Uint8Array(file.size);
    await file.read(bytes, 0);
    await file.close();
    const found = [...bytes];
    const explained = entry.candidates.some((candidate) => candidate?.explains(found));
    expect(explained, `${name}: nothing that was done explains its ${found.length} bytes`).toBe(true);
    entry.candidates = [new FileModel(found)];
  }
}

test("what a power cut leaves of files and names is what was synced, and of the rest only what was once written", () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 5, maxLength: 40 }), async (seed, steps) => {
      const model = new Map(names.map((name) => [name, new NameModel()]));
      await play(diskOnly({ seed, turn }), model, [...steps, finalCut]);
    }),
    { numRuns: histories },
  ));

test("a process that dies leaves exactly what it had written, as often as it dies", () =>
  fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 5, maxLength: 40 }), async (seed, steps) => {
      const model = new Map(names.map((name) => [name, new NameModel()]));
      const machine = diskOnly({ seed, turn });
      await play(
        machine,
        model,
        steps.filter((step) => step.do !== "cut"),
      );
      machine.kill("process");
      for (const [name, { current }] of model) {
        if (current === undefined) expect(() => machine.disk.contents(name)).toThrow("no such file");
        else expect([...machine.disk.contents(name)]).toEqual(current.current);
      }
    }),
    { numRuns: histories / 3 },
  ));

test("the model is no pushover: it does not explain a lost synced byte, a stale length or a byte from nowhere", () => {
  const file = new FileModel([1, 2, 3]);
  file.write(2, [9, 9]);
  expect(file.explains([1, 2, 3])).toBe(true);
  expect(file.explains([1, 2, 9, 9])).toBe(true);
  expect(file.explains([1, 2, 3, 0])).toBe(true);
  expect(file.explains([1, 2])).toBe(false);
  expect(file.explains([1, 0, 3])).toBe(false);
  expect(file.explains([1, 2, 7])).toBe(false);
  expect(file.explains([1, 2, 9, 9, 0])).toBe(false);
});
