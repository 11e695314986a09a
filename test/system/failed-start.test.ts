// A start that fails near its end: what was opened before is closed again, and the directory is free for the next one.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaults, serverConfigTable } from "@varve/model";
import { nodeCompression, nodeLogger, nodeMetrics, nodePorts } from "@varve/runtime/node";
import { type HttpListener, startServer } from "@varve/server";
import { loadGrpcNetwork } from "@varve/transport-grpc";
import { afterEach, beforeEach, expect, test } from "vitest";

let dataFolder = "";

beforeEach(() => {
  dataFolder = mkdtempSync(join(tmpdir(), "varve-system-"));
});

afterEach(() => {
  rmSync(dataFolder, { recursive: true, force: true });
});

async function start(serveHttp: () => Promise<HttpListener>, signal: AbortSignal = new AbortController().signal) {
  const config = {
    ...defaults(serverConfigTable),
    ...{ "data.dir": dataFolder, listener: "127.0.0.1:0", "http.listener": "127.0.0.1:0", "journal.file.bytes": 4_194_304 },
  };
  const logger = nodeLogger({ level: "error", descriptor: 2, pretty: false });
  const ports = nodePorts({ dataFolder, compression: nodeCompression, logger, metrics: nodeMetrics() });
  const fatal = (reason: string, error: Error) => {
    throw new Error(`${reason}: ${error.message}`);
  };
  return startServer(config, { ...ports, loadNetwork: loadGrpcNetwork }, { fatal, serveHttp }, signal);
}

/** Probes that somebody counts. */
function probes() {
  const counted = { opened: 0, closed: 0 };
  const open = async (): Promise<HttpListener> => {
    counted.opened += 1;
    return {
      address: "127.0.0.1:1",
      close: async () => {
        counted.closed += 1;
      },
    };
  };
  return { counted, open };
}

test("a broker whose start is given up while it registers closes its probes and lets go of its directory", async () => {
  const { counted, open } = probes();
  const giveUp = new AbortController();
  const given = new Error("given up");
  const serveHttp = () => {
    giveUp.abort(given);
    return open();
  };
  await expect(start(serveHttp, giveUp.signal)).rejects.toBe(given);
  expect(counted).toEqual({ opened: 1, closed: 1 });
  const server = await start(open);
  await server.stop();
  expect(counted).toEqual({ opened: 2, closed: 2 });
});

test("a server whose probes find their address taken does not start, and lets go of its directory", async () => {
  const taken = new Error("address in use");
  await expect(start(() => Promise.reject(taken))).rejects.toBe(taken);
  const { counted, open } = probes();
  const server = await start(open);
  await server.stop();
  expect(counted).toEqual({ opened: 1, closed: 1 });
});
