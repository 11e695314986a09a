// DescribeConfigs and AlterConfigs.

import type { ConfigChange, ConfigEntry } from "@varve/api";
import { adminMethods } from "@varve/proto";
import { type AdminOperation, operation } from "./operation.ts";
import { toConfig } from "./topics.ts";
import { bounded } from "./values.ts";

export const describeConfigs: AdminOperation<string, readonly ConfigEntry[]> = operation(adminMethods.DescribeConfigs, {
  toRequest: ({ topicName }) => topicName,
  fromRequest: (topicName) => ({ topicName }),
  toResult: ({ entries }) => entries,
  fromResult: (entries) => ({ entries }),
  call: (api, topicName, signal) => api.describeConfigs(topicName, signal),
});

export const alterConfigs: AdminOperation<ConfigChange, void> = operation(adminMethods.AlterConfigs, {
  toRequest: ({ topicName, set, unset, validateOnly }) => ({
    topicName,
    set: toConfig(set),
    unset: bounded(unset, "unset"),
    validateOnly,
  }),
  fromRequest: ({ topicName, set, unset, validateOnly }) => ({ topicName, set: Object.fromEntries(set), unset, validateOnly }),
  toResult: () => undefined,
  fromResult: () => ({}),
  call: (api, change, signal) => api.alterConfigs(change, signal),
});
