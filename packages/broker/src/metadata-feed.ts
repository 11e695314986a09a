// What a broker sees of the cluster's metadata: the committed image, and each change of it in order.

import type { ControllerApi } from "@varve/api";
import type { MetadataDelta, MetadataImage } from "@varve/metadata";

/** Applies one committed change; what was asked of the controller is answered once it has resolved. */
export type MetadataApplier = (image: MetadataImage, delta: MetadataDelta) => Promise<void>;

/** The controller as a broker knows it. */
export interface ControllerConnection extends ControllerApi {
  /** Committed, and applied here. */
  readonly image: MetadataImage;
  /** Calls `apply` with the present image as a delta from the empty one, then with each committed change, one at a time. One applier. */
  subscribe(apply: MetadataApplier): Promise<void>;
}
