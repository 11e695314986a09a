// The network of a world: hosts, what listens on them, how a connection comes about, and the hands that break things.
// What a process sees of it is `port`; the wires are wires.ts.

import type { ConnectOptions, ListenOptions, MessageConnection, MessageListener, MessageNetwork } from "@varve/runtime";
import { type Death, type Life, never } from "../life.ts";
import { quiet } from "../scheduler.ts";
import { Caller } from "./caller.ts";
import { type Accept, Listener } from "./listener.ts";
import { type Host, Side, type SideOwner } from "./side.ts";
import type { Wires } from "./wires.ts";

const firstPort = 40_000;
/** An attempt to connect is repeated this often, and given up after that. */
const dialRepeatMs = 1_000;
const dialMsMax = 5_000;
const handshakeBytes = 60;
const loopbacks: readonly string[] = ["localhost", "127.0.0.1", "::1"];

class SimHost implements Host {
  readonly name: string;
  isPowered = true;
  readonly listeners = new Map<number, Listener>();
  readonly sides = new Set<Side>();

  constructor(name: string) {
    this.name = name;
  }
}

export class SimNetwork {
  readonly wires: Wires;
  readonly #hosts = new Map<string, SimHost>();
  #lastPort = firstPort;
  #connections = 0;

  constructor(wires: Wires) {
    this.wires = wires;
  }

  /**
   * The network port of one life. Its node's name is its host's name; "127.0.0.1" and "localhost" mean the own host, and what
   * listens there is reached from there only.
   */
  port(life: Life): MessageNetwork {
    const host = this.#host(life.node);
    host.isPowered = true;
    return {
      listen: (options, accept) => this.#listen(host, life, options, accept),
      connect: (address, options) => this.#connect(host, life, address, options),
    };
  }

  /** The process on `node` has died. */
  died(node: string, death: Death): void {
    const host = this.#host(node);
    host.isPowered = death !== "power";
    host.listeners.clear();
    for (const side of host.sides) side.died(death);
    host.sides.clear();
  }

  /** The machine of `node`, whose process had died before, loses its power. */
  lostPower(node: string): void {
    this.#host(node).isPowered = false;
  }

  /** Cuts the wires between two nodes, or only the one from the first to the second. */
  cut(one: string, other: string, ways: "both" | "one" = "both"): void {
    this.wires.cut(one, other);
    if (ways === "both") this.wires.cut(other, one);
  }

  /** Mends the wires between two nodes. */
  mend(one: string, other: string): void {
    this.wires.mend(one, other);
    this.wires.mend(other, one);
  }

  /** Mends and clears every wire. */
  mendAll(): void {
    this.wires.mendAll();
  }

  /** Cuts every wire between the groups. */
  partition(...groups: readonly (readonly string[])[]): void {
    for (const [at, group] of groups.entries()) {
      for (const other of groups.slice(at + 1).flat()) for (const node of group) this.cut(node, other);
    }
  }

  /** Breaks every connection, or those of one node. @param how whether both sides hear of it soon, or only from unanswered pings. */
  breakConnections(how: "heard" | "silent" = "heard", node?: string): void {
    for (const host of this.#hosts.values()) {
      if (node !== undefined && host.name !== node) continue;
      for (const side of [...host.sides]) side.break(how);
    }
  }

  /** Breaks the connections that `node` has listened for, as soon as so many more bytes have come to it over one. */
  breakAfter(node: string, bytes: number): void {
    for (const side of this.#host(node).sides) if (side.role === "answerer") side.breakAfter(bytes);
  }

  #host(name: string): SimHost {
    let host = this.#hosts.get(name);
    if (host === undefined) {
      host = new SimHost(name);
      this.#hosts.set(name, host);
    }
    return host;
  }

  async #listen(host: SimHost, life: Life, options: ListenOptions, accept: Accept): Promise<MessageListener> {
    if (!life.alive) return never();
    const asked = parse(options.address);
    const port = asked.port === 0 ? ++this.#lastPort : asked.port;
    const address = `${asked.host}:${port}`;
    await new Promise<void>((resolve) => {
      life.scheduler.after(0, () => life.deliver(resolve));
    });
    if (!isOf(host, asked.host)) throw new Error(`${address}: ${host.name} has no such address`);
    if (host.listeners.has(port)) throw new Error(`${address}: another listener has this address`);
    const listener = new Listener(address, life, options, accept, () => host.listeners.delete(port));
    host.listeners.set(port, listener);
    return listener;
  }

  #connect(host: SimHost, life: Life, address: string, options: ConnectOptions): MessageConnection {
    return new Caller(address, options, life, (to, owner, up, failed) => this.#dial(host, life, to, owner, up, failed));
  }

  #dial(host: SimHost, life: Life, address: string, owner: SideOwner, up: (side: Side) => void, failed: (reason: string) => void): void {
    const { scheduler } = this.wires;
    const asked = parse(address);
    const isLocal = loopbacks.includes(asked.host);
    const target = isLocal ? host : this.#hosts.get(asked.host);
    const startMs = scheduler.nowMs;
    const peer = `${host.name}:${firstPort + ++this.#connections}`;
    let isOver = false;
    let answerer: Side | undefined;
    let caller: Side | undefined;
    const fail = (reason: string) =>
      life.deliver(() => {
        if (isOver) return;
        isOver = true;
        failed(reason);
      });
    const connected = () =>
      life.deliver(() => {
        if (isOver || caller === undefined || answerer === undefined) return;
        isOver = true;
        if (!answerer.isUp) return failed("connection refused");
        Side.join(this.wires, caller, answerer);
        up(caller);
      });
    const asks = (): unknown => {
      if (target === undefined || !target.isPowered) return quiet;
      const listener = target.listeners.get(asked.port);
      const isReachable = listener !== undefined && (isLocal || !loopbacks.includes(parse(listener.address).host));
      const isRefused = target !== host && this.wires.refuses(host.name, target.name);
      if (!isReachable || isRefused) {
        this.wires.send(target.name, host.name, handshakeBytes, () => fail("connection refused"));
        return quiet;
      }
      if (answerer === undefined) {
        const { streamsPerConnectionMax } = listener.options;
        caller = new Side(this.wires, { role: "caller", life, host, owner, peer: address, streamsMax: streamsPerConnectionMax });
        answerer = new Side(this.wires, { role: "answerer", life: listener.life, host: target, owner: listener, peer, streamsMax: 0 });
        listener.add(answerer);
      }
      this.wires.send(target.name, host.name, handshakeBytes, connected);
      return quiet;
    };
    const attempt = (): unknown => {
      if (isOver || !life.alive) return quiet;
      if (scheduler.nowMs - startMs >= dialMsMax) return fail("no answer");
      this.wires.send(host.name, target?.name ?? asked.host, handshakeBytes, asks);
      scheduler.after(dialRepeatMs, attempt);
      return quiet;
    };
    attempt();
  }
}

/** @param host the part before the last colon, without brackets. */
function parse(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(address.slice(colon + 1)) };
}

function isOf(host: SimHost, name: string): boolean {
  return name === host.name || name === "0.0.0.0" || name === "::" || loopbacks.includes(name);
}
