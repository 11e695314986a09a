// What one unary operation is, to both ends: its method, its two messages as the api's own values, and the call that carries it out.

import type { ClusterApi } from "@varve/api";
import type { MethodCodec } from "@varve/proto";

/** `Request` and `Result` are values of the api; bytes are messages of admin.proto. */
export interface AdminOperation<Request, Result> {
  /** `/varve.v1.Admin/Method`. */
  readonly path: string;
  encodeRequest(request: Request): Uint8Array;
  /** @throws {ClusterError} INVALID_REQUEST for bytes or values that are no such request; then nothing was carried out. */
  decodeRequest(bytes: Uint8Array): Request;
  encodeResult(result: Result): Uint8Array;
  /** @throws {ClusterError} INVALID_REQUEST for bytes that are no such answer. */
  decodeResult(bytes: Uint8Array): Result;
  call(api: ClusterApi, request: Request, signal: AbortSignal): Promise<Result>;
}

/** An operation out of the generated codec of its method and the conversions between its messages and the api's values. */
export function operation<RequestInput, RequestMessage, ResponseInput, ResponseMessage, Request, Result>(
  method: MethodCodec<RequestInput, RequestMessage, ResponseInput, ResponseMessage>,
  conversions: {
    toRequest(message: RequestMessage): NoInfer<Request>;
    fromRequest(request: Request): RequestInput;
    toResult(message: ResponseMessage): NoInfer<Result>;
    fromResult(result: Result): ResponseInput;
    call(api: ClusterApi, request: Request, signal: AbortSignal): Promise<Result>;
  },
): AdminOperation<Request, Result> {
  return {
    path: method.path,
    encodeRequest: (request) => method.request.encode(conversions.fromRequest(request)),
    decodeRequest: (bytes) => conversions.toRequest(method.request.decode(bytes)),
    encodeResult: (result) => method.response.encode(conversions.fromResult(result)),
    decodeResult: (bytes) => conversions.toResult(method.response.decode(bytes)),
    call: (api, request, signal) => conversions.call(api, request, signal),
  };
}
