// The gRPC contract as TypeScript: types of its messages, its methods, and codecs for the messages of control code.

export * from "./codec.ts";
export type * as contract from "./contract.gen.ts";
export { HealthCheckResponse_ServingStatus as servingStatus } from "./contract.gen.ts";
export * from "./metadata-record.ts";
export * from "./methods.ts";
export * from "./package-definition.ts";
