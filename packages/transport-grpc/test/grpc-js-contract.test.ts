// The network's contract suite, run on grpc-js over the loopback.

import { networkContract } from "@varve/runtime/contract";
import { nodeClock } from "@varve/runtime/node";
import { grpcNetwork } from "../src/grpc-js/network.ts";
import { Relay } from "./grpc-js-stage.ts";

networkContract("grpc-js", async (script) => {
  const relay = new Relay();
  try {
    await script(
      {
        server: grpcNetwork(),
        client: grpcNetwork(),
        listenAddress: "127.0.0.1:0",
        route: (address) => relay.route(address),
        cut: () => relay.cut(),
        cutAfter: (bytes) => relay.cutAfter(bytes),
      },
      nodeClock,
    );
  } finally {
    await relay.close();
  }
});
