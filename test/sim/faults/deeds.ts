// Each fault as a deed: what it does to the world, and what undoes it. When they happen is schedule.ts's business.

import type { Death, Random, SimNode, World } from "@varve/sim";
import type { SupervisedServer } from "../server.ts";
import type { FaultKind } from "./kinds.ts";
import type { Rot } from "./rot.ts";

export interface FaultContext {
  readonly world: World;
  readonly broker: SimNode;
  readonly server: SupervisedServer;
  readonly clients: readonly ClientNode[];
  readonly rot: Rot;
  /** The disk's size when it is not full. */
  readonly capacityBytes: number;
  /** How many files its processes may have open when nothing is wrong. */
  readonly openFilesMax: number;
  /** Does something when a topic is about to be made or deleted, once; replaces what was planned before. */
  readonly atTopicChange: (act: () => void) => void;
  readonly random: Random;
}

export interface ClientNode {
  readonly name: string;
  readonly node: SimNode;
  /** The process dies, and another one takes its place. */
  replace(): void;
}

type Deed = (context: FaultContext) => void;

/** Effects of the disk within which a planned death comes: a few rounds of the journal, or a part of a recovery. */
const effectsAheadMax = 120;
const topicChangeEffectsMax = 40;
const recoveryEffectsMax = 60;
const recoveryDeathsMax = 3;

const deaths: readonly Death[] = ["process", "power"];

export const deeds: Readonly<Record<FaultKind, Deed>> = {
  "process-death": ({ server }) => server.kill("process"),
  "power-cut": ({ server }) => server.kill("power"),
  "double-death": ({ server }) => {
    server.kill("process");
    server.kill("power");
  },
  "death-at-effect": ({ server, random }) => server.doom(random.integer(1, effectsAheadMax), random.pick(deaths)),
  "death-in-recovery": ({ server, random }) => {
    server.kill(random.pick(deaths));
    server.doomNextStarts(
      Array.from({ length: random.integer(1, recoveryDeathsMax) }, () => ({
        effectsAhead: random.integer(1, recoveryEffectsMax),
        death: random.pick(deaths),
      })),
    );
  },
  "death-at-topic-change": ({ server, random, atTopicChange }) =>
    atTopicChange(() => server.doom(random.integer(1, topicChangeEffectsMax), random.pick(deaths))),
  "clean-restart": ({ server }) => server.stop(),
  "death-while-stopping": ({ server, random }) => {
    server.doom(random.integer(1, effectsAheadMax), random.pick(deaths));
    server.stop();
  },
  "cut-wires": (context) => {
    const { world, broker, random } = context;
    const client = random.pick(context.clients).name;
    world.network.cut(broker.name, client);
    later(context, () => world.network.mend(broker.name, client));
  },
  "cut-one-way": (context) => {
    const { world, broker, random } = context;
    const client = random.pick(context.clients).name;
    if (random.chance(0.5)) world.network.cut(broker.name, client, "one");
    else world.network.cut(client, broker.name, "one");
    later(context, () => world.network.mend(broker.name, client));
  },
  clog: ({ world, broker, clients, random }) => {
    const client = random.pick(clients).name;
    const [from, to] = random.chance(0.5) ? [broker.name, client] : [client, broker.name];
    world.network.wires.clog(from, to, random.exponential(3_000));
  },
  "break-connections": ({ world, broker, random }) => {
    world.network.breakConnections(random.chance(0.5) ? "heard" : "silent", broker.name);
  },
  "break-in-message": ({ world, broker, random }) => world.network.breakAfter(broker.name, random.integer(1, 20_000)),
  "disk-stall": ({ broker, random }) => broker.disk.stall(random.exponential(4_000)),
  "slow-disk": (context) => {
    const { world, broker, random } = context;
    const slow = { ...broker.disk.faults, syncMs: random.pick([50, 300]), writeMs: 20, readMs: random.pick([5, 50]) };
    broker.disk.faults = slow;
    world.trace.count("disk.fault.slowed");
    later(context, () => {
      if (broker.disk.faults === slow) broker.disk.faults = world.faults.disk;
    });
  },
  "sync-failure": ({ broker }) => broker.disk.failNextSync(),
  "disk-full": (context) => {
    const { broker, random } = context;
    broker.disk.capacityBytes = broker.disk.usedBytes + random.pick([0, 1_000, 20_000, 400_000]);
    later(context, () => {
      broker.disk.capacityBytes = context.capacityBytes;
    });
  },
  "too-many-files": (context) => {
    const { broker, random } = context;
    broker.disk.openFilesMax = random.pick([0, 8, 24]);
    later(context, () => {
      broker.disk.openFilesMax = context.openFilesMax;
    });
  },
  "clock-jump": ({ world, broker, clients, random }) => {
    const node = random.pick([broker, broker, ...clients.map(({ node }) => node)]);
    world.trace.count("clock.fault.jump");
    node.clock.jump(random.integer(-600_000, 600_000));
  },
  "clock-rate": ({ world, broker, clients, random }) => {
    const node = random.pick([broker, broker, ...clients.map(({ node }) => node)]);
    world.trace.count("clock.fault.rate");
    node.clock.setRate(0.9 + random.fraction() * 0.2);
  },
  pause: ({ broker, random }) => broker.pause(random.exponential(3_000)),
  "client-death": ({ clients, random }) => random.pick(clients).replace(),
  "client-pause": ({ clients, random }) => random.pick(clients).node.pause(random.exponential(3_000)),
  "bit-flip": ({ rot }) => rot.flip(),
  "derived-bit-flip": ({ rot }) => rot.flipDerived(),
};

/** Undoes a fault after a while. */
function later({ world, random }: FaultContext, undo: () => void): void {
  world.after(random.exponential(8_000), undo);
}
