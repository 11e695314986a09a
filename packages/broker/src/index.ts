// A broker: answers requests, and turns metadata changes into partitions. Not how requests come in, not how logs are stored.

export { type Broker, type BrokerOptions, createBroker } from "./broker.ts";
export type { ControllerConnection, MetadataApplier } from "./metadata-feed.ts";
