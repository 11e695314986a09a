// The contract as grpc-js service definitions, for programs that speak gRPC by themselves: reflection, generic tools.
// Everything of ours encodes without it, since it takes 40 ms to build.

import type { PackageDefinition } from "@grpc/proto-loader";

/** Definitions of `varve.v1.Data`, `varve.v1.Admin`, `grpc.health.v1.Health` and their messages, with int64 as numbers. */
export async function loadPackageDefinition(): Promise<PackageDefinition> {
  const [{ fromJSON }, { descriptor }] = await Promise.all([import("@grpc/proto-loader"), import("./descriptor.gen.ts")]);
  return fromJSON(descriptor, { longs: Number, defaults: true, oneofs: true });
}
