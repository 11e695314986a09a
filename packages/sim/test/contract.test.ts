// Shows that the simulated ports do what the real ones do: the contract suites, in virtual time.

import type { Clock } from "@varve/runtime";
import {
  clockContract,
  diskContract,
  entropyContract,
  keyValueStoreContract,
  type NetworkStage,
  networkContract,
  type Rig,
} from "@varve/runtime/contract";
import { createWorld, diskOnly, type MachinePorts, noFaults, type WorldFaults } from "@varve/sim";
import { noCompression, turn } from "./platform.ts";

/** Runs a script on a machine of its own. */
function onMachine<Port>(portOf: (ports: MachinePorts) => Port): Rig<Port> {
  return async (script) => {
    const outcome = await diskOnly({ seed: 11, turn }).run((ports) => script(portOf(ports), ports.clock));
    if (outcome.kind !== "finished") throw new Error("the machine died");
  };
}

clockContract(
  "sim",
  onMachine((ports): Clock => ports.clock),
);
entropyContract("sim", () => diskOnly({ seed: 11, turn }).machine.boot().entropy);
diskContract(
  "sim",
  onMachine((ports) => ports.disk),
);
keyValueStoreContract(
  "sim",
  onMachine((ports) => ports.openStore),
);

/** Two nodes of a world. */
function betweenNodes(seed: number, faults: WorldFaults): Rig<NetworkStage> {
  return async (script) => {
    using world = createWorld({ seed, turn, compression: noCompression, faults });
    const [server, client] = [world.node("server"), world.node("client")];
    const stage: NetworkStage = {
      server: server.ports.network,
      client: client.ports.network,
      listenAddress: "server:0",
      route: async (address) => address,
      cut: () => world.network.breakConnections("heard"),
      cutAfter: (bytes) => world.network.breakAfter("server", bytes),
    };
    await world.run(script(stage, client.ports.clock));
  };
}

networkContract("sim", betweenNodes(11, noFaults));
