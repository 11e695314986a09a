// Turns what a program left behind into numbers: passed, failed, skipped, and a line for each thing left out.

export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** One line per skipped test or program: what, and why where that is known. */
  readonly leftOut: readonly string[];
}

export const nothing: Tally = { passed: 0, failed: 0, skipped: 0, leftOut: [] };

export function sum(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    leftOut: [...a.leftOut, ...b.leftOut],
  };
}

export function tallyOfExit(code: number): Tally {
  return code === 0 ? { ...nothing, passed: 1 } : { ...nothing, failed: 1 };
}

export function tallyOfLeftOut(name: string, reason: string): Tally {
  return { ...nothing, skipped: 1, leftOut: [`${name}: ${reason}`] };
}

/** Where skipping is not allowed, what was skipped has failed. */
export function withoutSkips(tally: Tally): Tally {
  return { ...tally, failed: tally.failed + tally.skipped, skipped: 0 };
}

export function inWords(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

/** The part of vitest's JSON report that we read. */
interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/**
 * @param report what vitest's JSON reporter wrote, or undefined when it wrote nothing.
 * @param code vitest's exit code; a failure that no test owns (an unhandled rejection, a file that does not load, no
 *   report at all) counts as one failed test.
 */
export function tallyOfVitest(report: string | undefined, code: number): Tally {
  let tally = nothing;
  if (report !== undefined) {
    for (const file of (JSON.parse(report) as VitestReport).testResults) {
      if (file.assertionResults.length === 0 && file.status === "failed") tally = sum(tally, tallyOfExit(1));
      for (const test of file.assertionResults) {
        if (test.status === "passed") tally = sum(tally, tallyOfExit(0));
        else if (test.status === "failed") tally = sum(tally, tallyOfExit(1));
        else tally = sum(tally, tallyOfLeftOut(`${file.name} › ${test.fullName}`, `marked "${test.status}" in its file`));
      }
    }
  }
  const isUnexplained = tally.failed === 0 && (code !== 0 || tally.passed === 0);
  return isUnexplained ? sum(tally, tallyOfExit(1)) : tally;
}
