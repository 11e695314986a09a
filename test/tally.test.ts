// Shows how the outcomes of programs become the last line of `npm test`.

import { expect, test } from "vitest";
import { inWords, nothing, sum, tallyOfExit, tallyOfLeftOut, tallyOfVitest, withoutSkips } from "./tally.ts";

const report = (...files: object[]) => JSON.stringify({ testResults: files });
const file = (status: string, ...statuses: string[]) => ({
  name: "a.test.ts",
  status,
  assertionResults: statuses.map((each, at) => ({ fullName: `test ${at}`, status: each })),
});

test("a program that is judged by its exit code is one test", () => {
  expect(inWords(sum(tallyOfExit(0), tallyOfExit(2)))).toBe("1 passed, 1 failed, 0 skipped");
});

test("vitest's report is counted test by test, and what it skipped is named", () => {
  const tally = tallyOfVitest(report(file("passed", "passed", "passed", "skipped"), file("failed", "passed", "failed", "todo")), 1);
  expect(inWords(tally)).toBe("3 passed, 1 failed, 2 skipped");
  expect(tally.leftOut).toEqual(['a.test.ts › test 2: marked "skipped" in its file', 'a.test.ts › test 2: marked "todo" in its file']);
});

test("a file that does not load is one failure", () => {
  expect(inWords(tallyOfVitest(report(file("failed"), file("passed", "passed")), 1))).toBe("1 passed, 1 failed, 0 skipped");
});

test("a failure that no test owns is one failure: no report, no test, or an exit code that nothing explains", () => {
  expect(inWords(tallyOfVitest(undefined, 1))).toBe("0 passed, 1 failed, 0 skipped");
  expect(inWords(tallyOfVitest(report(), 0))).toBe("0 passed, 1 failed, 0 skipped");
  expect(inWords(tallyOfVitest(report(file("passed", "passed")), 1))).toBe("1 passed, 1 failed, 0 skipped");
});

test("where skipping is not allowed, what was left out has failed", () => {
  const tally = sum(tallyOfExit(0), tallyOfLeftOut("containers", "no engine on this machine"));
  expect(tally.leftOut).toEqual(["containers: no engine on this machine"]);
  expect(inWords(tally)).toBe("1 passed, 0 failed, 1 skipped");
  expect(inWords(withoutSkips(tally))).toBe("1 passed, 1 failed, 0 skipped");
  expect(inWords(nothing)).toBe("0 passed, 0 failed, 0 skipped");
});
