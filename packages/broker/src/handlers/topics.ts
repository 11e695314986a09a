// Look-ups in the metadata image: the cluster, its topics, their configuration. What changes them is the controller's.

import type { ClusterDescription, ConfigEntry, Outcome, TopicDescription, TopicPage, TopicReference } from "@varve/api";
import type { MetadataImage, TopicImage } from "@varve/metadata";
import { topicConfigOf } from "@varve/metadata";
import { ClusterError, type Failure, printValue, type TopicConfigKey, topicConfigTable } from "@varve/model";
import type { BrokerContext } from "../context.ts";
