// Keeps fetches on their way for the partitions that want some, on one stream for each leader, and sorts the answers. What is held ahead of
// the user is bounded by the stream's window: an answer counts until all that it brought is done with.

import type { FetchEntry, FetchResult } from "@varve/api";
import { ClusterError, errorTable, type Offset } from "@varve/model";
import { entriesMax, type FetchCall } from "@varve/transport-grpc";
import { Alarm } from "../alarm.ts";
import type { Backoff } from "../backoff.ts";
import type { ClientContext } from "../client-context.ts";
import type { consumerBounds, Values } from "../options.ts";
import { saysStaleMetadata } from "../stale-metadata.ts";
import { type CheckedBatches, checkBatches } from "./answered.ts";
import type { PartitionPosition } from "./position.ts";

/** What one answer holds of its stream's window. */
export interface HeldAnswer {
  /** A part of it is done with. */
  release(): void;
}

export interface FetcherOwner {
  /** All partitions that are read. */
  readonly positions: readonly PartitionPosition[];
  /** Batches that continue at `position.fetchFrom`, which moves on when this returns. `held` is to be released once. */
  fetched(position: PartitionPosition, batches: CheckedBatches, held: HeldAnswer): void;
  /** What stands at `position.fetchFrom` cannot be read. */
  damaged(position: PartitionPosition, message: string, resumeAt: Offset): void;
  outOfRange(position: PartitionPosition, result: FetchResult & { kind: "failed" }): void;
  /** A failure that will not pass. */
  failed(error: ClusterError): void;
}

interface Route {
  readonly address: string;
  call: FetchCall | undefined;
}

/** One entry of a request on its way. */
interface Asked {
  readonly position: PartitionPosition;
  readonly generation: number;
}

export class Fetcher {
  readonly #context: ClientContext;
  readonly #settings: Values<typeof consumerBounds>;
  readonly #backoff: Backoff;
  readonly #owner: FetcherOwner;
  readonly #alarm: Alarm;
  readonly #routes = new Map<string, Route>();
  #isPlanned = false;
  #isClosed = false;
  /** The partition that comes first in the next request: an answer fills up from its front. */
  #turn = 0;

  constructor(context: ClientContext, settings: Values<typeof consumerBounds>, backoff: Backoff, owner: FetcherOwner) {
    this.#context = context;
    this.#settings = settings;
    this.#backoff = backoff;
    this.#owner = owner;
    this.#alarm = new Alarm(context.ports.clock, () => this.kick());
  }

  /** Some partition may want a fetch. */
  kick(): void {
    if (this.#isPlanned || this.#isClosed) return;
    this.#isPlanned = true;
    this.#context.ports.clock.defer(() => {
      this.#isPlanned = false;
      if (!this.#isClosed) this.#ask();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#alarm.cancel();
    for (const { call } of this.#routes.values()) call?.cancel();
    this.#routes.clear();
  }

  #ask(): void {
    const nowMs = this.#context.ports.clock.monotonicMs();
    const { positions } = this.#owner;
    const byLeader = new Map<string, FetchEntry[]>();
    const askedOf = new Map<string, Asked[]>();
    for (let count = 0; count < positions.length; count += 1) {
      const position = positions[(this.#turn + count) % positions.length]!;
      if (!position.wantsFetch(nowMs, this.#settings.partitionMaxBytes)) {
        if (position.retryAtMs > nowMs) this.#alarm.at(position.retryAtMs);
        continue;
      }
      const place = this.#placeOf(position);
      if (place === undefined) continue;
      const entries = byLeader.get(place.leader) ?? [];
      const asked = askedOf.get(place.leader) ?? [];
      if (entries.length >= entriesMax) continue;
      entries.push(place.entry);
      asked.push({ position, generation: position.generation });
      byLeader.set(place.leader, entries);
      askedOf.set(place.leader, asked);
    }
    this.#turn = positions.length === 0 ? 0 : (this.#turn + 1) % positions.length;
    for (const [leader, entries] of byLeader) this.#send(leader, entries, askedOf.get(leader)!);
  }

  /** @returns undefined while nobody is known to lead the partition; the look-up that follows kicks. */
  #placeOf(position: PartitionPosition): { readonly leader: string; readonly entry: FetchEntry } | undefined {
    const topic = this.#context.metadata.get(position.topic);
    const partition = topic?.kind === "known" ? topic.partitions[position.partition] : undefined;
    if (topic?.kind !== "known" || partition?.leader === undefined || position.topicId !== topic.topicId) {
      void this.#context.metadata.refresh(position.topic);
      return undefined;
    }
    const id = { topicId: topic.topicId, partition: position.partition };
    const maxBytes = this.#settings.partitionMaxBytes;
    return { leader: partition.leader, entry: { id, from: position.fetchFrom, maxBytes, leaderEpoch: partition.leaderEpoch } };
  }

  #send(address: string, entries: readonly FetchEntry[], asked: readonly Asked[]): void {
    const { maxWaitMs, minBytes, maxBytes } = this.#settings;
    const route = this.#routes.get(address) ?? { address, call: undefined };
    this.#routes.set(address, route);
    const call = route.call ?? this.#open(route);
    if (!call.isReady) return;
    for (const { position } of asked) position.isFetching = true;
    call.send({ maxWaitMs, minBytes, maxBytes, entries }, (outcome, heldBytes) => {
      if (!this.#isClosed) this.#answered(call, asked, outcome, heldBytes);
    });
  }

  #open(route: Route): FetchCall {
    const call = this.#context.brokers.openFetch(
      route.address,
      {
        ready: () => this.kick(),
        closed: () => {
          if (route.call === call) route.call = undefined;
          this.kick();
        },
      },
      this.#settings.prefetchBytes,
    );
    route.call = call;
    return call;
  }

  #answered(call: FetchCall, asked: readonly Asked[], outcome: readonly FetchResult[] | ClusterError, heldBytes: number): void {
    const held = new CountedAnswer(() => call.release(heldBytes));
    asked.forEach(({ position, generation }, at) => {
      if (position.generation !== generation) return;
      position.isFetching = false;
      if (outcome instanceof ClusterError) this.#passing(position, outcome);
      else this.#take(position, outcome[at]!, held);
    });
    held.begun();
    this.kick();
  }

  #take(position: PartitionPosition, result: FetchResult, held: CountedAnswer): void {
    if (result.kind === "failed") {
      this.#refused(position, result);
      return;
    }
    position.failures = 0;
    position.highWatermark = result.highWatermark;
    position.logStart = result.logStart;
    if (result.byteLength === 0) return;
    const { fetchFrom } = position;
    const checked = checkBatches(joined(result.chunks), fetchFrom, result.highWatermark, this.#context.ports.compression);
    if (checked.nextOffset > fetchFrom) {
      held.hold();
      this.#owner.fetched(position, checked, held);
      position.fetchFrom = checked.nextOffset;
    }
    const { damage } = checked;
    if (damage !== undefined) this.#suspect(position, damage.message, damage.resumeAt);
    // Nothing that was wanted, and no damage: asking again would bring the same.
    else if (checked.nextOffset === fetchFrom)
      this.#suspect(position, "the batches end before the offset that was asked for", (fetchFrom + 1) as Offset);
  }

  /** The first time it may have happened on the way, so it is fetched again; the second time it is what stands there. */
  #suspect(position: PartitionPosition, message: string, resumeAt: Offset): void {
    if (position.suspectAt === position.fetchFrom) this.#owner.damaged(position, message, resumeAt);
    else position.suspectAt = position.fetchFrom;
  }

  #refused(position: PartitionPosition, result: FetchResult & { kind: "failed" }): void {
    const { code, message } = result.failure;
    if (code === "OFFSET_OUT_OF_RANGE") this.#owner.outOfRange(position, result);
    else if (code === "CORRUPT_MESSAGE") this.#owner.damaged(position, message, result.resumeAt ?? ((position.fetchFrom + 1) as Offset));
    else if (errorTable[code].retriable || code === "UNKNOWN_SERVER_ERROR") this.#passing(position, result.failure);
    else this.#owner.failed(new ClusterError(code, `${position.name}: ${message}`));
  }

  /** Tried again after a pause, as often as it takes. */
  #passing(position: PartitionPosition, { code }: Pick<ClusterError, "code">): void {
    position.failures += 1;
    position.retryAtMs = this.#context.ports.clock.monotonicMs() + this.#backoff.delayMs(position.failures);
    if (saysStaleMetadata(code)) void this.#context.metadata.refresh(position.topic);
  }
}

/** Gives an answer's bytes back once all its parts are done with. */
class CountedAnswer implements HeldAnswer {
  readonly #done: () => void;
  #open = 1;

  constructor(done: () => void) {
    this.#done = done;
  }

  hold(): void {
    this.#open += 1;
  }

  release(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#done();
  }

  /** All parts are known. */
  begun(): void {
    this.release();
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
