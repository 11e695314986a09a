// The two errors that no handler catches: we are wrong, or the disk is wrong.

/** The program contradicts itself; the process must end. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** What stands on the disk is not what was written there; the range goes offline and is never served. */
export class CorruptionError extends Error {
  override readonly name = "CorruptionError";
  readonly file: string;
  readonly position: number;

  /** @param file path below the data directory. @param position byte where the damage begins. */
  constructor(file: string, position: number, what: string, options?: { cause?: unknown }) {
    super(`${file} at byte ${position}: ${what}`, options);
    this.file = file;
    this.position = position;
  }
}

/** @throws {InvariantError} when `condition` does not hold. Kept on in production. */
export function invariant(condition: boolean, what: string): asserts condition {
  if (!condition) throw new InvariantError(what);
}
