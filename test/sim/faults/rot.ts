// Bits that turn, and sectors that cannot be read any more, on the disk of a running broker, where it can be said what is legal: in
// segments that were closed long ago, hence lie below the mark, and in what can be made anew from them. The broker must find the former, never
// serve them, and go on with the rest; of the latter nobody may see anything.

import type { PartitionId, TopicId } from "@varve/model";
import { partitionKey } from "@varve/model";
import type { Random, SimNode, World } from "@varve/sim";
import { busyMs } from "../configuration.ts";
import type { SupervisedServer } from "../server.ts";

/** A segment is left alone until nothing was written to it for so long while the broker was up: by then its mark is durable. */
const quietMs = 20_000;
/** Of so many orders that wait for such a segment, another one is nothing more. */
const waitingMax = 3;
/** How often it is a sector instead of a bit, and how often a block that belongs elsewhere. */
const sectorShare = 0.3;
const blockShare = 0.2;
const blockBytes = 512;
/** What is derived from a segment's batches. */
const derivedSuffixes = ["index", "timeindex", "snapshot"] as const;

export class Rot {
  readonly #world: World;
  readonly #broker: SimNode;
  readonly #server: SupervisedServer;
  readonly #random: Random;
  readonly #writtenMs = new Map<string, number>();
  readonly #damaged = new Set<string>();
  #waiting = 0;

  constructor(world: World, broker: SimNode, server: SupervisedServer, random: Random) {
    this.#world = world;
    this.#broker = broker;
    this.#server = server;
    this.#random = random;
    broker.disk.onEffect = (_, kind, path) => {
      if (kind.startsWith("disk.write")) this.#writtenMs.set(path, world.nowMs);
    };
  }

  /** Whether a bit of this partition has turned. */
  has(topicId: TopicId, partition: number): boolean {
    return this.#damaged.has(partitionKey({ topicId, partition } satisfies PartitionId));
  }

  get any(): boolean {
    return this.#damaged.size > 0;
  }

  /** Turns a bit of some closed segment, if there is one, takes a sector of it away, or puts a block of it over a later one. */
  flip(): void {
    this.#whenQuiet(() => this.#damage());
  }

  /** Turns a bit of what was derived from some closed segment, if there is one. */
  flipDerived(): void {
    this.#whenQuiet(() => this.#damageDerived());
  }

  /** Now, or later when the server has been up for long enough; damage comes with use and with time, not with other faults. */
  #whenQuiet(act: () => boolean): void {
    if (this.#waiting >= waitingMax) return;
    if (this.#server.upForMs >= quietMs && act()) return;
    if (this.#world.nowMs >= busyMs) return;
    this.#waiting++;
    this.#world.after(quietMs / 4, () => {
      this.#waiting--;
      this.#whenQuiet(act);
    });
  }

  /** @returns whether there was something to damage. */
  #damage(): boolean {
    const segments = this.#closedSegments();
    if (segments.length === 0) return false;
    const { folder, path } = this.#random.pick(segments);
    const bytes = this.#broker.disk.contents(path).length;
    this.#damaged.add(folder);
    const { disk } = this.#broker;
    const draw = this.#random.fraction();
    if (draw < sectorShare) disk.spoil(path, this.#random.below(bytes));
    else if (draw < sectorShare + blockShare && bytes > blockBytes) {
      // Of the same file: a batch says at which offset it stands, not in which partition.
      const from = this.#random.below(Math.ceil(bytes / blockBytes) - 1) * blockBytes;
      const to = this.#random.integer(from / blockBytes + 1, Math.ceil(bytes / blockBytes) - 1) * blockBytes;
      disk.overwrite(path, to, disk.contents(path).subarray(from, from + blockBytes), "disk.fault.misdirected");
    } else disk.flipBit(path, this.#random.below(bytes), this.#random.below(8));
    return true;
  }

  #damageDerived(): boolean {
    const { disk } = this.#broker;
    const files = this.#closedSegments().flatMap(({ folder, path }) => {
      const base = path.slice(folder.length + 1, -".log".length);
      const names = disk.folder(folder).names();
      return derivedSuffixes.map((suffix) => `${base}.${suffix}`).flatMap((name) => (names.includes(name) ? [`${folder}/${name}`] : []));
    });
    const filled = files.filter((path) => disk.contents(path).length > 0);
    if (filled.length === 0) return false;
    const path = this.#random.pick(filled);
    disk.flipBit(path, this.#random.below(disk.contents(path).length), this.#random.below(8));
    this.#world.trace.count("disk.fault.bit-flip-derived");
    return true;
  }

  #closedSegments(): readonly { readonly folder: string; readonly path: string }[] {
    const { disk } = this.#broker;
    const found: { folder: string; path: string }[] = [];
    for (const folder of disk.root.names()) {
      if (!/^.{22}-\d+$/.test(folder)) continue;
      const logs = disk
        .folder(folder)
        .names()
        .filter((name) => name.endsWith(".log"));
      for (const name of logs.slice(0, -1)) {
        const path = `${folder}/${name}`;
        const isQuiet = this.#world.nowMs - (this.#writtenMs.get(path) ?? 0) >= quietMs;
        if (isQuiet && disk.contents(path).length > 0) found.push({ folder, path });
      }
    }
    return found;
  }
}
