// How a stream's end is written in gRPC: status number, message, and the trailer that carries a code of our error table.

import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { type StatusName, type StreamStatus, statusNumbers } from "@varve/runtime";
import { statusMessageCharactersMax } from "./settings.ts";

const errorTrailer = "varve-error";

const names: readonly StatusName[] = Object.keys(statusNumbers) as StatusName[];

export function toGrpcStatus(status: StreamStatus): StatusObject {
  const metadata = new Metadata();
  if (status.error !== undefined) metadata.set(errorTrailer, status.error);
  return {
    code: statusNumbers[status.status],
    // grpc-js percent-encodes it with a function that throws on half a surrogate pair.
    details: status.message.slice(0, statusMessageCharactersMax).toWellFormed(),
    metadata,
  };
}

export function fromGrpcStatus({ code, details, metadata }: StatusObject): StreamStatus {
  const [error] = metadata.get(errorTrailer);
  const status = names[code] ?? "UNKNOWN";
  return typeof error === "string" ? { status, message: details, error } : { status, message: details };
}
