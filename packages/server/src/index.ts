// A server process, composed: configuration in, listeners and logs out. `startServer` runs over any ports.

export { type RunningServer, type ServerHooks, startServer } from "./compose.ts";
export { type ConfigSources, environmentName, flagName, type LoadedConfig, loadServerConfig } from "./config/load.ts";
export { type ExitReason, exitCodes } from "./exit-codes.ts";
export type { HttpListener, Observed, ReadinessCheck } from "./observed.ts";
