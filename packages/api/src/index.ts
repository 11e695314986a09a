// The operations that a cluster offers, in no protocol.

export * from "./admin.ts";
export * from "./cluster-api.ts";
export * from "./controller-api.ts";
export * from "./data.ts";
