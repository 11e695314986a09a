// Shows that files and commit messages speak of the project alone.

import { expect, test } from "vitest";
import { planted, repository } from "./tree.ts";
import { commitsSpeakOfTheProject, filesSpeakOfTheProject, history } from "./words.ts";

// Put together here, so that this file does not say them.
const home = ["", "home", "someone", "varve"].join("/");
const host = ["https:/", "registry.example.org", "pino"].join("/");
const tool = ["Co", "pilot"].join("");
const sitting = ["during this", "session"].join(" ");

test("the files of the repository speak of the project alone", () => {
  expect(filesSpeakOfTheProject(repository())).toEqual([]);
});

test("the commit messages speak of the project alone", () => {
  expect(commitsSpeakOfTheProject(history())).toEqual([]);
});

test.each([`// See ${home}/notes.`, `resolved: ${host}`, `Written with ${tool}.`, `Found ${sitting}.`])(
  "a file may not say: %s",
  (line) => {
    expect(filesSpeakOfTheProject(planted({ "docs/a.md": `One.\n${line}` }))).toEqual([expect.stringMatching(/^docs\/a\.md:2: "/)]);
  },
);

test.each([
  "A broker whose session time-out has passed is fenced.",
  "The window of this session is widened; the window of the session is 1 MiB.",
  "const userAgent = `varve/${version}`;",
  "See https://nodejs.org/api/http2.html and ../work/plan.md.",
])("a file may say: %s", (line) => {
  expect(filesSpeakOfTheProject(planted({ "docs/a.md": line }))).toEqual([]);
});

test("a commit message is held to the same words", () => {
  const commits = [
    { id: "0123456789abcdef", message: "log: cut the torn tail\n\nFails without it." },
    { id: "fedcba9876543210", message: `log: more\n\nDone ${sitting}.` },
  ];
  expect(commitsSpeakOfTheProject(commits)).toEqual([expect.stringMatching(/^commit fedcba9876, line 3: /)]);
});
