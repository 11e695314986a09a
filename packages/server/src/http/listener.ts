// Health and metrics over HTTP, for probes and Prometheus: four GET routes, and nothing else.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { hostOf } from "../config/load.ts";
import type { HttpListener, Observed } from "../observed.ts";

/** Probes are short: more open connections than this are refused. */
const connectionsMax = 64;
const requestTimeoutMs = 10_000;

/** @param address `host:port`; port 0 takes a free one. @throws when it is taken. */
export async function serveHttp(address: string, observed: Observed): Promise<HttpListener> {
  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs, maxHeaderSize: 8192 },
    (request, response) => {
      answer(request, response, observed).catch((error: unknown) => {
        observed.logger.error("an HTTP request failed", { error: error instanceof Error ? error : new Error(String(error)) });
        response.destroy();
      });
    },
  );
  server.maxConnections = connectionsMax;
  server.on("clientError", (_error, socket) => socket.destroy());
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: hostOf(address), port }, resolve);
  });
  const bound = server.address();
  const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
  return {
    address: `${address.slice(0, address.lastIndexOf(":"))}:${boundPort}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, observed: Observed): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const send = (status: number, type: string, body: string) => {
    response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(request.method === "HEAD" ? undefined : body);
  };
  if (request.method !== "GET" && request.method !== "HEAD") return send(405, "text/plain", "only GET is answered here\n");
  switch (pathname) {
    case "/livez":
      return send(200, "text/plain", "live\n");
    case "/healthz":
    case "/readyz": {
      const checks = observed.readiness();
      const ready = checks.every(({ problem }) => problem === undefined);
      const lines = checks.map(
        ({ name, problem }) => `${problem === undefined ? "ok" : "not ok"}  ${name}${problem === undefined ? "" : `: ${problem}`}`,
      );
      const brief = ready ? "ready" : "not ready";
      return send(ready ? 200 : 503, "text/plain", `${ready && !searchParams.has("verbose") ? brief : lines.join("\n")}\n`);
    }
    case "/metrics": {
      const { contentType, text } = await observed.exposeMetrics();
      return send(200, contentType, text);
    }
    default:
      return send(404, "text/plain", "routes: /livez /healthz /readyz /metrics\n");
  }
}
