// What the two sides of a connection say to each other, in the manner of HTTP/2. A frame's `bytes` are what it takes on the wire.

import type { StreamStatus } from "@varve/runtime";

/** `stream` numbers a stream within its connection. */
export type Frame = { readonly bytes: number } & (
  | { readonly kind: "open"; readonly stream: number; readonly method: string }
  /** `length` more bytes of `message`. The bytes travel with the last part; the sender keeps no reference to them. */
  | {
      readonly kind: "data";
      readonly stream: number;
      readonly message: Uint8Array;
      readonly length: number;
      readonly part: "first" | "later";
      readonly isLast: boolean;
    }
  | { readonly kind: "end"; readonly stream: number }
  | { readonly kind: "status"; readonly stream: number; readonly status: StreamStatus }
  | { readonly kind: "cancel"; readonly stream: number }
  /** The receiver takes so many bytes more. */
  | { readonly kind: "credit"; readonly stream: number; readonly credit: number }
  | { readonly kind: "ping" }
  | { readonly kind: "pong" }
  /** The listener takes no new streams on this connection. */
  | { readonly kind: "go-away" }
  | { readonly kind: "close" }
);

/** A frame without content. Source: RFC 9113, 4.1. */
export const frameHeaderBytes = 9;
/** Of a message's first frame. Source: gRPC over HTTP/2, length-prefixed message. */
export const messageHeaderBytes = 5;
/** The most bytes of a message in one frame. Source: RFC 9113, SETTINGS_MAX_FRAME_SIZE. */
export const dataBytesMax = 16_384;
