// What every implementation of a partition's log must show: a suite of tests, to be called from a test file of each implementation.

export { type LogRig, type LogStage, logContract } from "./log-contract.ts";
