// When faults happen: one after the other at drawn pauses until the time is over; then everything is healed.

import { noFaults, simulationStartMs } from "@varve/sim";
import { type FaultPlan, faultsFromMs, faultsUntilMs } from "../configuration.ts";
import { deeds, type FaultContext } from "./deeds.ts";

/** Plans the faults of a seed. `healed` is called when there will be none any more. */
export function scheduleFaults(context: FaultContext, plan: FaultPlan, healed: () => void): void {
  const { world, random } = context;
  const next = (): void => {
    const pauseMs = random.exponential(plan.pauseMs);
    world.after(pauseMs, () => {
      if (world.nowMs >= faultsUntilMs) return;
      if (plan.kinds.length > 0) {
        const kind = random.pick(plan.kinds);
        world.trace.event(world.nowMs, "fault", "", kind);
        world.trace.count(`fault.${kind}`);
        deeds[kind](context);
      }
      next();
    });
  };
  world.after(faultsFromMs, () => {
    world.setFaults(plan.world);
    next();
  });
  world.after(faultsUntilMs, () => {
    heal(context);
    healed();
  });
}

/** A disk and a network that do nothing wrong; clocks that show the right time and run at the right rate. */
function heal({ world, broker, server, clients, capacityBytes, openFilesMax, atTopicChange }: FaultContext): void {
  world.setFaults(noFaults);
  world.network.mendAll();
  broker.disk.capacityBytes = capacityBytes;
  broker.disk.openFilesMax = openFilesMax;
  atTopicChange(() => {});
  // Takes the place of a failure that has not come yet, and never comes itself.
  broker.disk.failNextSync("no such file");
  server.spare();
  if (broker.disk.hasStopped) server.kill("power");
  for (const node of [broker, ...clients.map((client) => client.node)]) {
    node.clock.setRate(1);
    node.clock.jump(Math.round(simulationStartMs + world.nowMs - node.clock.wallMs));
  }
}
