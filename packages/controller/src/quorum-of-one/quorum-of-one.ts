// The metadata log on one node's disk: a quorum of one, which commits what it has synced. One synced batch of the store for each proposal
// or snapshot, then the slot that says so, then the answer. Layouts: slots.ts, stored-values.ts; what is found at the start: recovery.ts.

import type { NodeId } from "@varve/model";
import { InvariantError, invariant } from "@varve/model";
import type { Clock, KeyValueStore, Ports, StoreOperation } from "@varve/runtime";
import { DiskError, stepBudgetMs, turn } from "@varve/runtime";
import type { LogEntry, LogSnapshot, MetadataLog, MetadataLogListener, ProposalOutcome } from "../metadata-log.ts";
import { type Recovered, recover } from "./recovery.ts";
import { type Slot, SlotPair } from "./slots.ts";
import { encodeEntry, encodeState, encodeValue, entryKey, type StoredState, snapshotKey, stateKey } from "./stored-values.ts";

/** Keys behind a snapshot that one batch deletes; with one entry or more in each batch, they go faster than new ones come. */
const staleKeysPerBatchMax = 1000;

export interface QuorumOfOneOptions {
  readonly nodeId: NodeId;
  /** In the data directory; made when missing, with its store in `<folder>/store`. Not nested. */
  readonly folder: string;
}

export type QuorumOfOnePorts = Pick<Ports, "clock" | "disk" | "openStore" | "compression">;

/**
 * Opens the log and finds out what it holds; it delivers nothing before `start`.
 * @throws {CorruptionError} when something that was promised is not there; {DiskError}; {ClusterError} UNSUPPORTED_VERSION.
 */
export async function openQuorumOfOne(ports: QuorumOfOnePorts, options: QuorumOfOneOptions): Promise<MetadataLog> {
  const { disk, compression, openStore } = ports;
  const { folder } = options;
  await makeFolder(ports, folder);
  const opened = await Promise.allSettled([SlotPair.open(disk, compression, folder), openStore(`${folder}/store`)]);
  const [slots, store] = opened.map((result) => (result.status === "fulfilled" ? result.value : undefined)) as [SlotPair?, KeyValueStore?];
  try {
    for (const result of opened) if (result.status === "rejected") throw result.reason;
    const recovered = await recover(store!, slots!.newest, folder, compression);
    await settle(ports, folder, store!, slots!, recovered);
    return new QuorumOfOne(ports, options, store!, slots!, recovered);
  } catch (error) {
    await slots?.close();
    await store?.close();
    throw error;
  }
}

async function makeFolder({ disk }: QuorumOfOnePorts, folder: string): Promise<void> {
  try {
    await disk.makeFolder(folder);
  } catch (error) {
    if (error instanceof DiskError && error.kind === "exists") return;
    throw error;
  }
}

/**
 * Makes durable what was found, before anyone builds upon it: a process that died may have left it in the page cache, where it looks the
 * same. So it is written again, whether it has to be or not.
 */
async function settle(
  { disk }: QuorumOfOnePorts,
  folder: string,
  store: KeyValueStore,
  slots: SlotPair,
  { batch, state, lastValues }: Recovered,
): Promise<void> {
  const slot: Slot = { batch, term: state.term, vote: state.vote, commitIndex: state.commitIndex };
  if (batch === 0) {
    await slots.create(slot);
    // LevelDB syncs its files, and not the entry that leads to its folder.
    await Promise.all([disk.syncFolder(folder), disk.syncFolder("")]);
    return;
  }
  // A batch that its slot does not know was under way when the last life ended: the same values under the same number.
  if (batch !== slots.newest?.batch) await store.write(lastValues.map(([key, value]) => ({ type: "put", key, value })));
  await slots.write(slot);
}

class QuorumOfOne implements MetadataLog {
  private readonly clock: Clock;
  private readonly ports: QuorumOfOnePorts;
  private readonly nodeId: NodeId;
  private readonly store: KeyValueStore;
  private readonly slots: SlotPair;
  /** Of this life. It becomes durable with the first batch: nothing that bears it leaves before. */
  private readonly term: number;
  private state: StoredState;
  private batch: number;
  private stale: string[];
  private recovered: Recovered | undefined;
  private listener: MetadataLogListener | undefined;
  /** The write that runs now, and those that wait for it: at most a proposal and a snapshot. Never rejects. */
  private writing: Promise<void> = Promise.resolve();
  private condition: "opening" | "open" | "closed" | { readonly failure: Error } = "opening";

  constructor(ports: QuorumOfOnePorts, { nodeId }: QuorumOfOneOptions, store: KeyValueStore, slots: SlotPair, recovered: Recovered) {
    this.ports = ports;
    this.clock = ports.clock;
    this.nodeId = nodeId;
    this.store = store;
    this.slots = slots;
    this.state = recovered.state;
    this.batch = recovered.batch;
    this.stale = [...recovered.stale];
    this.recovered = recovered;
    this.term = recovered.state.term + 1;
  }

  async start(listener: MetadataLogListener): Promise<void> {
    invariant(this.recovered !== undefined, "a metadata log is started once");
    const { snapshot, entries } = this.recovered;
    this.recovered = undefined;
    if (snapshot !== undefined) await listener.snapshot(snapshot);
    let stepEndMs = this.clock.monotonicMs() + stepBudgetMs;
    for (const entry of entries) {
      if (this.condition !== "opening") return;
      listener.committed([entry]);
      if (this.clock.monotonicMs() < stepEndMs) continue;
      await turn(this.clock);
      stepEndMs = this.clock.monotonicMs() + stepBudgetMs;
    }
    if (this.condition !== "opening") return;
    this.condition = "open";
    this.listener = listener;
    listener.leadership({ kind: "leader", term: this.term });
  }

  propose(payloads: readonly Uint8Array[], expectedTerm: number): Promise<ProposalOutcome> {
    return this.exclusively(async () => {
      if (this.condition !== "open" || expectedTerm !== this.term) return "lost";
      const entries = payloads.map((payload, at): LogEntry => ({ index: this.state.lastIndex + 1 + at, term: this.term, payload }));
      const lastIndex = this.state.lastIndex + entries.length;
      const puts = entries.map(({ index, payload }) => [entryKey(index), encodeEntry(this.term, payload)] as const);
      await this.write(puts, { ...this.state, commitIndex: lastIndex, lastIndex });
      this.listener?.committed(entries);
      return "committed";
    });
  }

  saveSnapshot({ index, term, parts }: LogSnapshot): Promise<void> {
    return this.exclusively(async () => {
      if (this.condition !== "open") return;
      const before = this.state.snapshot;
      invariant(
        index > (before?.index ?? 0) && index <= this.state.commitIndex,
        `a snapshot at ${index}, committed is ${this.state.commitIndex}`,
      );
      const puts = parts.map((part, at) => [snapshotKey(index, at), part] as const);
      await this.write(puts, { ...this.state, snapshot: { index, term, partCount: parts.length } });
      // Deleted by the batches to come: not before the snapshot is durable, and without a sync of its own.
      for (let part = 0; part < (before?.partCount ?? 0); part += 1) this.stale.push(snapshotKey(before!.index, part));
      for (let old = (before?.index ?? 0) + 1; old <= index; old += 1) this.stale.push(entryKey(old));
    });
  }

  async close(): Promise<void> {
    if (this.condition === "closed") return;
    this.condition = "closed";
    this.listener = undefined;
    await this.writing;
    await this.slots.close();
    await this.store.close();
  }

  /** One batch, and the slot that promises it. */
  private async write(puts: readonly (readonly [key: string, payload: Uint8Array])[], next: StoredState): Promise<void> {
    const { compression } = this.ports;
    const batch = this.batch + 1;
    const state = { ...next, term: this.term, vote: this.nodeId };
    const operations: StoreOperation[] = this.stale.splice(0, staleKeysPerBatchMax).map((key) => ({ type: "delete", key }));
    for (const [key, payload] of [...puts, [stateKey, encodeState(state)] as const]) {
      operations.push({ type: "put", key, value: encodeValue(key, batch, payload, compression) });
    }
    await this.store.write(operations);
    // The store may lose a batch and not say so; the slot is what a restart holds against it. Both before anything is answered.
    await this.slots.write({ batch, term: state.term, vote: state.vote, commitIndex: state.commitIndex });
    this.batch = batch;
    this.state = state;
  }

  /** Runs `work` when the write before it is through. A failed write is the end: what the disk holds is not known any more. */
  private exclusively<T>(work: () => Promise<T>): Promise<T> {
    const run = this.writing.then(async () => {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof InvariantError)) this.stop(error instanceof Error ? error : new Error(String(error)));
        throw error;
      }
    });
    this.writing = run.then(
      () => {},
      () => {},
    );
    return run;
  }

  private stop(failure: Error): void {
    if (this.condition === "closed") return;
    this.condition = { failure };
    this.listener?.leadership({ kind: "stopped", error: failure });
  }
}
