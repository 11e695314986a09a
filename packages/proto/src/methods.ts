// The methods of the contract: their paths, and for unary ones and health the codecs of both messages.
// The messages of Produce and Fetch are encoded by hand around the batches: packages/transport-grpc.

import type { MethodDefinition } from "@grpc/proto-loader";
import { messages as admin } from "./admin.gen.ts";
import { type MessageCodec, messageCodec } from "./codec.ts";
import type { AdminDefinition, HealthDefinition } from "./contract.gen.ts";
import { messages as health } from "./health.gen.ts";

/** A method whose messages go through protobufjs. */
export interface MethodCodec<RequestInput, Request, ResponseInput, Response> {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly request: MessageCodec<RequestInput, Request>;
  readonly response: MessageCodec<ResponseInput, Response>;
}

/** The methods of one of proto-loader's service interfaces. */
type Codecs<Definition> = {
  readonly [Name in keyof Definition]: Definition[Name] extends MethodDefinition<
    infer RequestInput,
    infer ResponseInput,
    infer Request,
    infer Response
  >
    ? MethodCodec<RequestInput, Request, ResponseInput, Response>
    : never;
};

export const produceMethod = "/varve.v1.Data/Produce";
export const fetchMethod = "/varve.v1.Data/Fetch";

export const adminMethods: Codecs<AdminDefinition> = {
  DescribeCluster: adminMethod("DescribeCluster"),
  ListTopics: adminMethod("ListTopics"),
  DescribeTopics: adminMethod("DescribeTopics"),
  CreateTopics: adminMethod("CreateTopics"),
  DeleteTopics: adminMethod("DeleteTopics"),
  CreatePartitions: adminMethod("CreatePartitions"),
  DescribeConfigs: adminMethod("DescribeConfigs"),
  AlterConfigs: adminMethod("AlterConfigs"),
  DeleteRecords: adminMethod("DeleteRecords"),
  ListOffsets: adminMethod("ListOffsets"),
  InitProducerId: adminMethod("InitProducerId"),
};

/** Watch answers with a stream, each message of it encoded as Check's. */
export const healthMethods: Codecs<HealthDefinition> = {
  Check: healthMethod("Check"),
  Watch: healthMethod("Watch"),
};

function adminMethod<A extends object, B extends object, C extends object, D extends object>(
  name: keyof AdminDefinition,
): MethodCodec<A, B, C, D> {
  return {
    path: `/varve.v1.Admin/${name}`,
    request: messageCodec(admin[`${name}Request`], `${name}Request`),
    response: messageCodec(admin[`${name}Response`], `${name}Response`),
  };
}

function healthMethod<A extends object, B extends object, C extends object, D extends object>(
  name: keyof HealthDefinition,
): MethodCodec<A, B, C, D> {
  return {
    path: `/grpc.health.v1.Health/${name}`,
    request: messageCodec(health.HealthCheckRequest, "HealthCheckRequest"),
    response: messageCodec(health.HealthCheckResponse, "HealthCheckResponse"),
  };
}
