// Shows that the simulated ports do what the real ones do: the contract suites, in virtual time.

import type { Clock } from "@varve/runtime";
import { clockContract, diskContract, entropyContract, keyValueStoreContract, type Rig } from "@varve/runtime/contract";
import { diskOnly, type MachinePorts } from "@varve/sim";

const turn = () => new Promise<void>((done) => setImmediate(done));

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
