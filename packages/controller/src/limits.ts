// How much metadata there may be, and how much work may wait. Every bound of this package that a user can meet is here.

/** Topics of one cluster. */
export const topicsMax = 10_000;
/** Partitions of one cluster. */
export const partitionsMax = 100_000;
/** Partitions of one topic. */
export const topicPartitionsMax = 10_000;
/** Topics that one request may create or delete. */
export const requestTopicsMax = 1000;
/** Partitions that one request may create. Source: Kafka's MAX_PARTITIONS_PER_BATCH. */
export const requestPartitionsMax = 10_000;
/** Problems of one configuration that an answer lists; the rest is counted. */
export const listedProblemsMax = 20;
/** Requests that wait to be decided; one more is refused with THROTTLING_QUOTA_EXCEEDED. */
export const waitingRequestsMax = 1000;
/** Requests that are decided after the batch has so many records wait for the next one. */
export const batchRecordsMax = 10_000;
/** Producer ids in one block. Source: Kafka's ProducerIdsBlock. */
export const producerIdBlockLength = 1000;
