// All rows, in the order of the table.

import type { Row } from "../row.ts";
import { fetch1m } from "./fetch.ts";
import { partitions100, rounds100 } from "./partitions.ts";
import { idle, restart, start } from "./process.ts";
import { openLoop, produce16k, produce128k, produceFsync } from "./produce.ts";
import { encoder, oneInFlight, sdkProduce } from "./sdk.ts";

export const rows: readonly Row[] = [
  produce16k,
  produce128k,
  produceFsync,
  partitions100,
  rounds100,
  fetch1m,
  encoder,
  oneInFlight,
  start,
  idle,
  restart,
  openLoop,
  sdkProduce,
];
