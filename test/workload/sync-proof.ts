// Proof of fsync before ack (correctness.md 7.6), by watching the outside world of a server and nothing of its inside: for each batch
// that is acknowledged, its bytes were written to some file, and a sync of that file that began after the write had ended before the
// answer left. Files' formats do not matter: the bytes of a batch are looked for in whatever is written.

import type {
  Disk,
  DiskFile,
  IncomingStream,
  ListenOptions,
  MessageListener,
  MessageNetwork,
  StreamEvents,
  StreamStatus,
} from "@varve/runtime";
import { acksAll, decodeAnswers, decodeRequest, produceMethod } from "./produce-messages.ts";

/** What a broker leaves as it is in any batch: from the producer id on. Two batches of a history never have it in common. */
const identityStart = 43;
const identityBytes = 160;

/** One batch on its way. */
interface Watched {
  readonly topicId: string;
  readonly bytes: Buffer;
  isSynced: boolean;
}

/** Writes of one file that no sync has covered. */
interface Dirty {
  readonly batches: Set<Watched>;
}

export class SyncProof {
  /** Batches acknowledged with acks=all whose sync was seen. */
  proven = 0;
  /** Those whose sync was not seen. */
  readonly violations: string[] = [];
  readonly #isDurable: (topicId: string) => boolean;
  readonly #watched = new Map<string, Watched>();
  /** Those of them whose sync was not seen yet. */
  readonly #unsynced = new Set<Watched>();
  readonly #dirty = new Map<string, Dirty>();

  /** @param isDurable whether an answer for this topic (hexadecimal id) promises a sync. */
  constructor(isDurable: (topicId: string) => boolean) {
    this.#isDurable = isDurable;
  }

  /** The disk, watched. */
  disk(disk: Disk): Disk {
    return {
      open: async (path, mode) =>
        new WatchedFile(
          await disk.open(path, mode),
          (bytes) => this.#wrote(path, bytes),
          () => this.#began(path),
        ),
      rename: (from, to) => disk.rename(from, to),
      unlink: (path) => disk.unlink(path),
      list: (folder) => disk.list(folder),
      makeFolder: (path) => disk.makeFolder(path),
      removeFolder: (path) => disk.removeFolder(path),
      syncFolder: (path) => disk.syncFolder(path),
      modifiedMs: (path) => disk.modifiedMs(path),
      space: () => disk.space(),
      lock: () => disk.lock(),
    };
  }

  /** The network, watched. */
  network(network: MessageNetwork): MessageNetwork {
    return {
      connect: (address, options) => network.connect(address, options),
      listen: (options: ListenOptions, accept): Promise<MessageListener> =>
        network.listen(options, (stream) => (stream.method === produceMethod ? this.#produceStream(stream, accept) : accept(stream))),
    };
  }

  /** The power went: what no sync has covered may be gone. */
  powerCut(): void {
    this.#dirty.clear();
  }

  #produceStream(stream: IncomingStream, accept: (stream: IncomingStream) => StreamEvents | StreamStatus): StreamEvents | StreamStatus {
    const unanswered = new Map<number, readonly Watched[]>();
    const events = accept({
      method: stream.method,
      peer: stream.peer,
      write: (message) => {
        this.#answers(message instanceof Uint8Array ? message : Buffer.concat(message), unanswered);
        return stream.write(message);
      },
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      finish: (status) => stream.finish(status),
    });
    if ("status" in events) return events;
    return {
      ...bound(events),
      message: (bytes) => {
        this.#asked(bytes, unanswered);
        events.message(bytes);
      },
    };
  }

  #asked(bytes: Uint8Array, unanswered: Map<number, readonly Watched[]>): void {
    const { correlation, acks, entries } = decodeRequest(bytes);
    if (acks !== acksAll) return;
    const batches = entries.map(({ topicId, batch }) => this.#watch(Buffer.from(topicId).toString("hex"), batch));
    unanswered.set(correlation, batches);
  }

  #watch(topicId: string, batch: Uint8Array): Watched {
    const bytes = Buffer.from(batch.subarray(identityStart, identityStart + identityBytes));
    const identity = bytes.toString("latin1");
    const known = this.#watched.get(identity);
    if (known !== undefined) return known;
    const fresh: Watched = { topicId, bytes, isSynced: false };
    this.#watched.set(identity, fresh);
    this.#unsynced.add(fresh);
    return fresh;
  }

  #wrote(path: string, bytes: Uint8Array): void {
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const batch of this.#unsynced) {
      if (!content.includes(batch.bytes)) continue;
      const dirty = this.#dirty.get(path) ?? { batches: new Set() };
      this.#dirty.set(path, dirty);
      dirty.batches.add(batch);
    }
  }

  /** A sync begins. @returns what to call when it has ended well. */
  #began(path: string): () => void {
    const covered = [...(this.#dirty.get(path)?.batches ?? [])];
    return () => {
      for (const batch of covered) {
        batch.isSynced = true;
        this.#unsynced.delete(batch);
        this.#dirty.get(path)?.batches.delete(batch);
      }
    };
  }

  #answers(message: Uint8Array, unanswered: Map<number, readonly Watched[]>): void {
    for (const { correlation, results } of decodeAnswers(message)) {
      const batches = unanswered.get(correlation) ?? [];
      unanswered.delete(correlation);
      for (const [at, batch] of batches.entries()) {
        if ((results[at]?.errorCode ?? 0) !== 0 || !this.#isDurable(batch.topicId)) continue;
        if (batch.isSynced) this.proven++;
        else this.violations.push(`a batch of topic ${batch.topicId} was acknowledged before a sync that covers it had ended`);
      }
    }
  }
}

function bound(events: StreamEvents): StreamEvents {
  return {
    message: (bytes) => events.message(bytes),
    room: () => events.room(),
    ended: () => events.ended(),
    closed: (status) => events.closed(status),
  };
}

class WatchedFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #wrote: (bytes: Uint8Array) => void;
  readonly #syncBegins: () => () => void;

  constructor(file: DiskFile, wrote: (bytes: Uint8Array) => void, syncBegins: () => () => void) {
    this.#file = file;
    this.#wrote = wrote;
    this.#syncBegins = syncBegins;
  }

  get path(): string {
    return this.#file.path;
  }

  get size(): number {
    return this.#file.size;
  }

  writeSync(bytes: Uint8Array, position: number): void {
    this.#file.writeSync(bytes, position);
    this.#wrote(bytes);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    await this.#file.write(bytes, position);
    this.#wrote(bytes);
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#file.read(into, position);
  }

  truncate(length: number): Promise<void> {
    return this.#file.truncate(length);
  }

  async sync(): Promise<void> {
    const ended = this.#syncBegins();
    await this.#file.sync();
    ended();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
