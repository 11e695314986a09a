// What we ask of grpc-js: limits, keepalive, windows. Its own defaults are made for friendly networks: no limit on streams or
// session memory, no keepalive, environment proxies, retries. Everything that grpc-js would decide is switched off or bounded here.

import type { ChannelOptions, ServerOptions } from "@grpc/grpc-js";
import type { ConnectOptions, ListenOptions } from "@varve/runtime";

/** A silent peer is asked for a sign of life after this time, and given up after the same again: 20 s together. */
const keepaliveMs = 10_000;
/** A connection without streams is closed after this time, as Kafka's are. */
const idleConnectionMs = 600_000;
/** nghttp2's own memory of one session, in MB: header blocks, frames that wait. Streams are refused above it. */
const sessionMegabytesMax = 64;
/** The first wait after a failed connect, and the longest. In between streams fail at once, so a peer's return must be seen soon. */
const reconnectMs = 50;
const reconnectMsMax = 500;
/** A name that resolved to a dead address is asked for again after this time. */
const nameLookupMs = 1_000;

/**
 * How many bytes a peer may have on the way to us in one stream without hearing from us; also what a stream that nobody reads may
 * hold in memory. It lets through 1 GB/s at 1 ms of round trip, 100 MB/s at 10 ms. On one machine 512 KiB to 4 MiB are equally
 * fast, and 16 MiB lose a third: what waits long has left the cache.
 */
export const receiveWindowBytesDefault = 1_048_576;
/** A connection's window for all its streams together, as a multiple of one stream's. */
export const streamsPerConnectionWindow = 4;

/** What may wait in one stream to be sent before `write` answers false; `room` comes at half of it. */
export const unsentBytesMax = 2_097_152;

/** Longest text that travels with a status, in characters: it is a header, and headers are bounded at 64 KiB together. */
export const statusMessageCharactersMax = 4_096;

export function serverOptions(options: ListenOptions): ServerOptions {
  return {
    "grpc.max_concurrent_streams": options.streamsPerConnectionMax,
    "grpc.max_receive_message_length": options.messageBytesMax,
    "grpc.max_send_message_length": -1,
    "grpc-node.max_session_memory": sessionMegabytesMax,
    "grpc.max_connection_idle_ms": idleConnectionMs,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveMs,
    "grpc.enable_channelz": 0,
  };
}

/** @param receiveWindowBytes of the connection and of each stream: grpc-js has one option for both. */
export function channelOptions(options: ConnectOptions, receiveWindowBytes: number): ChannelOptions {
  return {
    "grpc.max_receive_message_length": options.messageBytesMax,
    "grpc.max_send_message_length": -1,
    "grpc-node.flow_control_window": receiveWindowBytes,
    "grpc-node.max_session_memory": sessionMegabytesMax,
    "grpc.keepalive_time_ms": keepaliveMs,
    "grpc.keepalive_timeout_ms": keepaliveMs,
    "grpc.initial_reconnect_backoff_ms": reconnectMs,
    "grpc.max_reconnect_backoff_ms": reconnectMsMax,
    "grpc.dns_min_time_between_resolutions_ms": nameLookupMs,
    // One connection object, one connection: grpc-js would share those of one address and equal options.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_retries": 0,
    "grpc.enable_http_proxy": 0,
    "grpc.enable_channelz": 0,
  };
}
