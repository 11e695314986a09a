// What a store and its slots say together when they are opened: the state that was promised, or why it is not there. LevelDB is not
// believed: every value is checked, nothing may be missing between the first entry and the last, and the store must know what the slots know.

import type { Compression } from "@varve/model";
import { ClusterError, CorruptionError } from "@varve/model";
import type { KeyValueStore } from "@varve/runtime";
import type { LogEntry, LogSnapshot } from "../metadata-log.ts";
import type { Slot } from "./slots.ts";
import { slotPath } from "./slots.ts";
import { decodeEntry, decodeState, decodeValue, entryKey, parseKey, type StoredState, stateKey } from "./stored-values.ts";

export interface Recovered {
  /** Of the last batch that the store holds; 0 for a store that was never written to. */
  readonly batch: number;
  readonly state: StoredState;
  readonly snapshot: LogSnapshot | undefined;
  /** Behind the snapshot, without a gap. */
  readonly entries: readonly LogEntry[];
  /** Keys that the snapshot has made useless and that were not deleted yet. */
  readonly stale: readonly string[];
  /** Values that the last batch wrote, as they stand. */
  readonly lastValues: readonly (readonly [key: string, value: Uint8Array])[];
}

/** Keys are ASCII, and this is its last character. */
const behindEveryKey = "\u007f";

export const emptyState: StoredState = { term: 0, vote: undefined, commitIndex: 0, lastIndex: 0, snapshot: undefined };

/**
 * @param folder of the slots; the store is `<folder>/store`.
 * @throws {CorruptionError} when the store lacks something that was promised, or holds something that was not written so.
 * @throws {ClusterError} UNSUPPORTED_VERSION when a newer version wrote it.
 */
export async function recover(
  store: KeyValueStore,
  newestSlot: Slot | undefined,
  folder: string,
  compression: Pick<Compression, "crc32c">,
): Promise<Recovered> {
  const fail = (what: string): never => {
    throw corrupt(folder, what);
  };
  const values = new Map<string, { readonly batch: number; readonly payload: Uint8Array; readonly value: Uint8Array }>();
  for await (const [key, value] of store.entries("", behindEveryKey)) {
    const decoded = decodeValue(key, value, compression) ?? fail(`the value of ${key} fails its checksum`);
    values.set(key, { ...decoded, value });
  }
  const stateValue = values.get(stateKey);
  if (stateValue === undefined) return recoverEmpty(values.size, newestSlot, fail);

  const batch = stateValue.batch;
  const state = decodeState(stateValue.payload) ?? fail("its state is no state");
  if ("unknownVersion" in state) {
    const what = `${folder}/store has format ${state.unknownVersion}, which this version does not know: start the version that wrote it`;
    throw new ClusterError("UNSUPPORTED_VERSION", what);
  }
  compareWithSlot(batch, state, newestSlot, folder, fail);
  values.delete(stateKey);

  const stale: string[] = [];
  const parts: Uint8Array[] = [];
  const entries: LogEntry[] = [];
  const lastValues: [string, Uint8Array][] = [[stateKey, stateValue.value]];
  let index = state.snapshot?.index ?? 0;
  let term = state.snapshot?.term ?? 0;
  let entryBatch = 0;
  for (const [key, { batch: writtenBy, payload, value }] of values) {
    const parsed = parseKey(key) ?? fail(`nothing writes the key ${key}`);
    if (writtenBy > batch) fail(`batch ${writtenBy} wrote ${key}, and the state is that of batch ${batch}`);
    if (writtenBy === batch) lastValues.push([key, value]);
    if (parsed.kind === "snapshot") {
      if (parsed.index !== state.snapshot?.index) stale.push(key);
      else if (parsed.part === parts.length) parts.push(payload);
      else fail(`part ${parts.length} of the snapshot at ${parsed.index} is missing`);
    } else if (parsed.index <= (state.snapshot?.index ?? 0)) {
      stale.push(key);
    } else {
      if (parsed.index !== index + 1) fail(`${entryKey(index + 1)} is missing: batches of the store are lost`);
      const entry = decodeEntry(payload) ?? fail(`the value of ${key} has no term`);
      if (entry.term < term || entry.term > state.term) fail(`${key} is of term ${entry.term}, between ${term} and ${state.term}`);
      if (writtenBy < entryBatch) fail(`batch ${writtenBy} wrote ${key}, after batch ${entryBatch} wrote the one before it`);
      entries.push({ index: parsed.index, term: entry.term, payload: entry.payload });
      index = parsed.index;
      term = entry.term;
      entryBatch = writtenBy;
    }
  }
  if (index !== state.lastIndex) fail(`its last entry is ${index} and should be ${state.lastIndex}`);
  if (state.commitIndex !== state.lastIndex) fail(`its commit index is ${state.commitIndex} and its last entry ${state.lastIndex}`);
  if (parts.length !== (state.snapshot?.partCount ?? 0)) {
    fail(`the snapshot at ${state.snapshot?.index} has ${parts.length} parts and should have ${state.snapshot?.partCount}`);
  }
  const snapshot = state.snapshot === undefined ? undefined : { index: state.snapshot.index, term: state.snapshot.term, parts };
  return { batch, state, snapshot, entries, stale, lastValues };
}

function recoverEmpty(valueCount: number, newestSlot: Slot | undefined, fail: (what: string) => never): Recovered {
  if (valueCount > 0) fail(`it holds ${valueCount} values and no state: the batch that wrote the state is lost`);
  if (newestSlot !== undefined && newestSlot.batch > 0) fail(`batch ${newestSlot.batch} was synced, and the store is empty`);
  return { batch: 0, state: emptyState, snapshot: undefined, entries: [], stale: [], lastValues: [] };
}

/** A batch is synced before its slot, and the slot before the next batch: the store is level with the slots or one batch ahead. */
function compareWithSlot(batch: number, state: StoredState, slot: Slot | undefined, folder: string, fail: (what: string) => never): void {
  if (slot === undefined) fail(`it ends at batch ${batch}, and neither ${slotPath(folder, 0)} nor ${slotPath(folder, 1)} is whole`);
  else if (batch < slot.batch) fail(`batch ${slot.batch} was synced, and the store ends at batch ${batch}: it lost what was acknowledged`);
  else if (batch > slot.batch + 1) fail(`it ends at batch ${batch}, and the slots at ${slot.batch}: the slots are older than the store`);
  else if (batch === slot.batch && (state.term !== slot.term || state.vote !== slot.vote || state.commitIndex !== slot.commitIndex)) {
    fail(`its state and ${slotPath(folder, batch % 2)} differ in batch ${batch}`);
  }
}

function corrupt(folder: string, what: string): CorruptionError {
  const advice =
    "This is the only copy of the cluster's metadata, so the controller does not start. Restore the whole data directory from a copy " +
    "of one moment; do not delete the folder: without it the logs beside it belong to no cluster";
  return new CorruptionError(`${folder}/store`, 0, `${what}. ${advice}`);
}
