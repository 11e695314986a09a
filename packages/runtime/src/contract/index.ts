// What every implementation of a port must show: suites of tests, to be called from a test file of each implementation.

export * from "./clock-contract.ts";
export * from "./compression-contract.ts";
export * from "./disk-contract.ts";
export * from "./entropy-contract.ts";
export * from "./key-value-store-contract.ts";
export * from "./network-contract.ts";
export * from "./rig.ts";
