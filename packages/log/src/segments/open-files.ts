// Open read handles of all logs, up to a number; the least recently used are closed first.

import type { Disk } from "@varve/runtime";

export class OpenFiles {
  readonly disk: Disk;
  readonly filesMax: number;
  constructor(disk: Disk, filesMax: number) {
    this.disk = disk;
    this.filesMax = filesMax;
  }
}
