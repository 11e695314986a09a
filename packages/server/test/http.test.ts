// Health and metrics over HTTP, on a real socket.

import { connect, type Socket } from "node:net";
import type { Observed, ReadinessCheck } from "@varve/server";
import { afterEach, expect, test } from "vitest";
import { serveHttp } from "../src/http/listener.ts";

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(checks: readonly ReadinessCheck[]) {
  const silent = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
  const observed: Observed = {
    logger: silent,
    exposeMetrics: async () => ({ contentType: "text/plain; version=0.0.4", text: "varve_partitions 3\n" }),
    readiness: () => checks,
  };
  const listener = await serveHttp("127.0.0.1:0", observed);
  closers.push(() => listener.close());
  return async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://${listener.address}${path}`, init);
    return { status: response.status, type: response.headers.get("content-type"), body: await response.text() };
  };
}

const good = { name: "listener", problem: undefined };
const full = { name: "disk space", problem: "3 MiB are free" };

test("a server whose checks all hold is ready, and says which they are when asked", async () => {
  const get = await serve([good]);
  expect(await get("/readyz")).toMatchObject({ status: 200, body: "ready\n" });
  expect(await get("/readyz?verbose")).toMatchObject({ status: 200, body: "ok  listener\n" });
});

test("a server with a failing check is not ready and says why, and is live all the same", async () => {
  const get = await serve([good, full]);
  expect(await get("/readyz")).toMatchObject({ status: 503, body: "ok  listener\nnot ok  disk space: 3 MiB are free\n" });
  expect((await get("/healthz")).status).toBe(503);
  expect(await get("/livez")).toMatchObject({ status: 200, body: "live\n" });
});

test("metrics have their own content type", async () => {
  const get = await serve([good]);
  expect(await get("/metrics")).toEqual({ status: 200, type: "text/plain; version=0.0.4", body: "varve_partitions 3\n" });
});

test("other routes and methods are told what there is", async () => {
  const get = await serve([good]);
  expect((await get("/etc/passwd")).status).toBe(404);
  expect((await get("/metrics", { method: "POST" })).status).toBe(405);
});

test("64 connections are served at once, one more is closed, and there is room again when one has gone", async () => {
  const silent = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent };
  const listener = await serveHttp("127.0.0.1:0", {
    logger: silent,
    exposeMetrics: async () => ({ contentType: "text/plain", text: "" }),
    readiness: () => [good],
  });
  closers.push(() => listener.close());
  const [host, port] = listener.address.split(":") as [string, string];
  const open = () =>
    new Promise<{ readonly socket: Socket; readonly answer: string }>((resolve) => {
      const socket = connect({ host, port: Number(port) });
      socket.on("error", () => {});
      socket.once("data", (bytes) => resolve({ socket, answer: String(bytes) }));
      socket.once("close", () => resolve({ socket, answer: "" }));
      socket.write("GET /livez HTTP/1.1\r\nHost: varve\r\n\r\n");
    });
  const served = await Promise.all(Array.from({ length: 64 }, open));
  for (const { answer } of served) expect(answer).toContain("200 OK");
  expect((await open()).answer).toBe("");
  const closed = new Promise((resolve) => served[0]!.socket.once("close", resolve));
  served[0]!.socket.end();
  await closed;
  expect((await open()).answer).toContain("200 OK");
  for (const { socket } of served) socket.destroy();
});
