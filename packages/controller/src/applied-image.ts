// The metadata as this node's appliers know it: it follows the committed image, one change at a time. While a change is being applied, those
// that are committed meanwhile become one change, so nothing piles up behind a slow applier.

import { deltaBetween, emptyImage, type MetadataDelta, type MetadataImage } from "@varve/metadata";
import { invariant } from "@varve/model";

/** Brings this node in line with `image`. It never rejects: what cannot be done here is its own to report and to retry. */
export type Applier = (image: MetadataImage, delta: MetadataDelta) => Promise<void>;

interface Waiter {
  readonly index: number;
  readonly resolve: () => void;
}

export class AppliedImage {
  private committed: MetadataImage = emptyImage;
  private committedIndex = 0;
  private applied: MetadataImage = emptyImage;
  private appliedIndex = 0;
  private applier: Applier | undefined;
  private isApplying = false;
  /** In the order of their indexes; as many as requests that wait for their answer. */
  private waiters: Waiter[] = [];

  /** Applied here; committed, while nobody applies. */
  get image(): MetadataImage {
    return this.applied;
  }

  /** @param index of the entry that led to `image`; rises from call to call. */
  commit(image: MetadataImage, index: number): void {
    this.committed = image;
    this.committedIndex = index;
    if (this.applier === undefined) this.advance(image, index);
    else if (!this.isApplying) void this.follow(this.applier, this.applied);
  }

  /** The present image reaches `applier` as a delta from the empty one. Resolves when that is applied. One applier. */
  async subscribe(applier: Applier): Promise<void> {
    invariant(this.applier === undefined, "the metadata has one applier");
    this.applier = applier;
    await this.follow(applier, emptyImage);
  }

  /** Resolves when everything up to `index`, which is committed, is applied. */
  waitApplied(index: number): Promise<void> {
    if (index <= this.appliedIndex) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ index, resolve }));
  }

  private async follow(applier: Applier, from: MetadataImage): Promise<void> {
    this.isApplying = true;
    let before = from;
    do {
      const [image, index] = [this.committed, this.committedIndex];
      await applier(image, deltaBetween(before, image));
      before = image;
      this.advance(image, index);
    } while (this.appliedIndex < this.committedIndex);
    this.isApplying = false;
  }

  private advance(image: MetadataImage, index: number): void {
    this.applied = image;
    this.appliedIndex = index;
    const ready = this.waiters.filter((waiter) => waiter.index <= index);
    this.waiters = this.waiters.filter((waiter) => waiter.index > index);
    for (const { resolve } of ready) resolve();
  }
}
