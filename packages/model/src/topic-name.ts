// Topic names: Kafka's rule. Names never become paths (directories bear topic ids).

import { ClusterError } from "./errors.ts";

export const topicNameLengthMax = 249;
const legal = /^[a-zA-Z0-9._-]+$/;

/** @throws {ClusterError} INVALID_TOPIC_EXCEPTION, with the reason. Source: Kafka's Topic.validate; golden/tables/topic-name.json. */
export function validateTopicName(name: string): void {
  const refuse = (why: string): never => {
    const shown = JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}…` : name);
    throw new ClusterError("INVALID_TOPIC_EXCEPTION", `topic name ${shown} ${why}`);
  };
  if (name === "") refuse("is empty");
  if (name === "." || name === "..") refuse("is reserved");
  if (name.length > topicNameLengthMax) refuse(`has ${name.length} characters, the limit is ${topicNameLengthMax}`);
  if (!legal.test(name)) refuse("has a character outside a-z, A-Z, 0-9, '.', '_' and '-'");
}
