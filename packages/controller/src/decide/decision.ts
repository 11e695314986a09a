// What a decision is. Each operation is one pure function in a file of its own: state, request and new ids in; records and response out.

import type { MetadataRecord } from "@varve/metadata";

/**
 * What an operation writes, all of it or nothing, and what it answers once that is committed. An operation that fails as a whole throws a
 * `ClusterError` instead; that answer too waits for what it was based on.
 */
export interface Decision<Response> {
  readonly records: readonly MetadataRecord[];
  readonly response: Response;
}
