// A request on its way: waiting to be decided, decided and waiting for its commit, or answered. Whoever asked may stop waiting at any time.

import type { MetadataImage } from "@varve/metadata";
import { ClusterError } from "@varve/model";
import type { Decision } from "./decide/decision.ts";

/** One request, whatever its response. */
export interface Submission {
  /** Nobody waits any more: a request that is not decided yet never will be. */
  readonly isAbandoned: boolean;
  /** @returns the records to write: none when the operation failed. Its response or its error is kept for `answer`. */
  decide(image: MetadataImage): Decision<unknown>["records"];
  /** Answers with what was decided. */
  answer(): void;
  /** Answers with `error` instead. */
  fail(error: ClusterError): void;
}

/** @returns the submission, and a promise of its answer that rejects with the signal's reason when that aborts first. */
export function submission<Response>(
  decide: (image: MetadataImage) => Decision<Response>,
  signal: AbortSignal,
): { readonly submission: Submission; readonly answer: Promise<Response> } {
  let settle: () => void = () => {};
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const abandon = () => reject(signal.reason);
  signal.addEventListener("abort", abandon, { once: true });
  return {
    answer: promise,
    submission: {
      get isAbandoned() {
        return signal.aborted;
      },
      decide(image) {
        try {
          const { records, response } = decide(image);
          settle = () => resolve(response);
          return records;
        } catch (error) {
          if (!(error instanceof ClusterError)) throw error;
          settle = () => reject(error);
          return [];
        }
      },
      answer() {
        signal.removeEventListener("abort", abandon);
        settle();
      },
      fail(error) {
        signal.removeEventListener("abort", abandon);
        reject(error);
      },
    },
  };
}
