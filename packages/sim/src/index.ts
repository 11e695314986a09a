// The outside world made of memory and a seed: virtual time, disks that lose what was not synced, networks that lose anything.
// What goes wrong, and what a broker must survive of it, is listed in world.ts.
//
// A disk alone, to die at each effect of a history and look at what is left (deaths, disk and store as in a world; no network):
//
//     const turn = () => new Promise<void>((done) => setImmediate(done));
//     const machine = diskOnly({ seed, turn });
//     await machine.run(({ disk, clock, entropy, openStore, logger, metrics }) => prepare(disk));   // → { kind: "finished", value }
//     machine.disk.dieAt(machine.disk.effects + n, "torn", "power");     // n-th effect from now; "before" | "torn" | "after"; "process" | "power"
//     const outcome = await machine.run(({ disk }) => history(disk));    // → { kind: "died" }
//     machine.kill("power", "drop");                                     // again, with nothing in between; "drop" | "keep" | "draw"
//     await machine.run(({ disk }) => recoverAndCheck(disk));            // the next life, over what survived
//     machine.disk.failNextSync("a.log"); machine.disk.flipBit("a.log", 17); machine.disk.capacityBytes = 1_000;
//
// Effects are what changes the disk: writes, truncations, syncs, creations, renames, removals, and batches of stores. Reads have
// no number: to die at one is to die after the effect before it. A "torn" death cuts a write short or a sync in two; an effect
// that cannot be torn (a rename, a batch) has not happened. A history of n effects is through when `dieAt(effects + n + 1, …)`
// ends with "finished".
//
// A world of nodes (pass `faults: drawFaults(seed)` for a bad one):
//
//     using world = createWorld({ seed, turn, compression, faults: noFaults, unhandledRejections, invariants });
//     const server = await world.run(startServer(world.node("broker-1").ports));       // listens on "broker-1:9092"
//     world.after(5_000, () => world.node("broker-1").kill("power"));
//     world.network.cut("client", "broker-1", "one");
//     await world.runUntil(() => acked > 1_000, 60_000);                               // or runFor(ms), or run(promise)
//     world.setFaults(noFaults); world.network.mendAll();
//     await world.run(startServer(world.node("broker-1").restart()));
//     world.trace.hash; world.trace.counts; world.trace.tail(50);                      // same seed, same hash; what fired, how often
//
// Of a dead process every port is dead: what it calls changes nothing, and nothing reaches it any more.
// Code that runs here waits for ports and for nothing else: a dynamic import, say, is the platform's time, and no seed repeats it.

export * from "./clock.ts";
export { type PowerCut, sectorBytes, unsyncedChangesMax } from "./disk/content.ts";
export * from "./disk/faults.ts";
export * from "./disk/sim-disk.ts";
export * from "./disk-only.ts";
export type { Death, Life } from "./life.ts";
export * from "./logger.ts";
export * from "./machine.ts";
export * from "./metrics.ts";
export * from "./network/faults.ts";
export * from "./network/sim-network.ts";
export * from "./network/wires.ts";
export * from "./node.ts";
export * from "./random.ts";
export * from "./scheduler.ts";
export * from "./store.ts";
export * from "./trace.ts";
export * from "./world.ts";
