// What the rules need to know of a source file: its words without comments and strings, its imports, how it opens.
// TypeScript's own scanner splits the text; deciding where a slash or a brace begins something else is done here.

import { SyntaxKind } from "typescript/unstable/ast";
import { createScanner } from "typescript/unstable/ast/scanner";

export interface Token {
  readonly kind: "word" | "text" | "sign" | "comment";
  /** The word or sign as written; the value of a string or template part; a comment with its slashes. */
  readonly text: string;
  readonly line: number;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** A `lazy` import runs when it is reached; a `type` import never runs. */
  readonly kind: "static" | "lazy" | "type";
}

export interface Source {
  readonly lines: number;
  /** The comment that the file begins with, slashes and stars removed; empty when it begins otherwise. */
  readonly opening: string;
  /** Everything but comments, in order. */
  readonly tokens: readonly Token[];
  readonly imports: readonly Import[];
}

const parsed = new Map<string, Source>();

/** @param text of a TypeScript or JavaScript module. */
export function sourceOf(text: string): Source {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  const all = tokensOf(text);
  const tokens = all.filter((token) => token.kind !== "comment");
  const source = { lines: text.trimEnd().split("\n").length, opening: openingOf(all), tokens, imports: importsOf(tokens) };
  parsed.set(text, source);
  return source;
}

const wordPattern = /^[\p{ID_Start}$_#]/u;

// After one of these a slash divides; after anything else it begins a regular expression.
function endsValue(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === "text") return true;
  if (token.kind === "word") return !/^(return|typeof|case|in|of|delete|void|throw|new|await|yield|else|do)$/.test(token.text);
  return /^([)\]}]|\+\+|--|\d.*)$/.test(token.text);
}

function tokensOf(text: string): readonly Token[] {
  // A first line that names an interpreter is no code; it stays as an empty line, so that the numbers hold.
  const scanner = createScanner(false, undefined, text.replace(/^#!.*/, ""));
  const tokens: Token[] = [];
  // One entry per open brace: whether it belongs to a template, whose text goes on after it closes.
  const braces: boolean[] = [];
  let line = 1;
  let lineCountedTo = 0;
  let last: Token | undefined;
  for (let kind = scanner.scan(); kind !== SyntaxKind.EndOfFile; kind = scanner.scan()) {
    if ((kind === SyntaxKind.SlashToken || kind === SyntaxKind.SlashEqualsToken) && !endsValue(last)) kind = scanner.reScanSlashToken();
    if (kind === SyntaxKind.CloseBraceToken && braces.pop() === true) kind = scanner.reScanTemplateToken(false);
    if (kind === SyntaxKind.OpenBraceToken) braces.push(false);
    if (kind === SyntaxKind.TemplateHead || kind === SyntaxKind.TemplateMiddle) braces.push(true);
    const code = scanner.getText();
    for (; lineCountedTo < scanner.getTokenStart(); lineCountedTo++) if (code.charCodeAt(lineCountedTo) === 10) line++;
    const token = tokenOf(kind, scanner.getTokenText(), scanner.getTokenValue(), line);
    if (token === undefined) continue;
    tokens.push(token);
    if (token.kind !== "comment") last = token;
  }
  return tokens;
}

function tokenOf(kind: SyntaxKind, written: string, value: string, line: number): Token | undefined {
  switch (kind) {
    case SyntaxKind.WhitespaceTrivia:
    case SyntaxKind.NewLineTrivia:
      return undefined;
    case SyntaxKind.SingleLineCommentTrivia:
    case SyntaxKind.MultiLineCommentTrivia:
      return { kind: "comment", text: written, line };
    case SyntaxKind.StringLiteral:
    case SyntaxKind.NoSubstitutionTemplateLiteral:
    case SyntaxKind.TemplateHead:
    case SyntaxKind.TemplateMiddle:
    case SyntaxKind.TemplateTail:
    case SyntaxKind.RegularExpressionLiteral:
      return { kind: "text", text: value, line };
    default:
      return { kind: wordPattern.test(written) ? "word" : "sign", text: written, line };
  }
}

function openingOf(tokens: readonly Token[]): string {
  const end = tokens.findIndex((token) => token.kind !== "comment");
  const comments: Token[] = [];
  for (const token of end === -1 ? tokens : tokens.slice(0, end)) {
    const previous = comments.at(-1);
    // A blank line ends the opening; what follows documents something else.
    if (previous !== undefined && token.line > previous.line + previous.text.split("\n").length) break;
    comments.push(token);
  }
  return comments
    .map((token) => token.text.replaceAll(/^\/[/*]+|\*+\/$|^\s*\*(?!\/)/gm, ""))
    .join(" ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

// How many tokens an import clause may have before its `from`; no clause of ours comes near.
const clauseTokensMax = 2000;

function importsOf(tokens: readonly Token[]): readonly Import[] {
  const imports: Import[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    const isMember = tokens[at - 1]?.text === "." || tokens[at - 1]?.text === "?.";
    if (token.kind !== "word" || isMember) continue;
    const next = tokens[at + 1];
    if ((token.text === "import" || token.text === "require") && next?.text === "(") {
      const specifier = tokens[at + 2];
      if (specifier?.kind === "text") imports.push({ specifier: specifier.text, line: specifier.line, kind: "lazy" });
    } else if (token.text === "createRequire" && isRequireHere(tokens, at)) {
      imports.push({ specifier: tokens[at + 9]!.text, line: tokens[at + 9]!.line, kind: "lazy" });
    } else if (token.text === "import" && next?.kind === "text") {
      imports.push({ specifier: next.text, line: next.line, kind: "static" });
    } else if (token.text === "import" ? next?.text !== "." : token.text === "export" && /^([*{]|type)$/.test(next?.text ?? "")) {
      const specifier = specifierAfter(tokens, at + 1);
      if (specifier === undefined) continue;
      imports.push({ specifier: specifier.text, line: specifier.line, kind: next?.text === "type" ? "type" : "static" });
    }
  }
  return imports;
}

/** Whether `createRequire(import.meta.url)("name")` stands here, from its first to its tenth token. */
function isRequireHere(tokens: readonly Token[], at: number): boolean {
  const signs = tokens.slice(at + 1, at + 9).map((token) => token.text);
  return signs.join("") === "(import.meta.url)(" && tokens[at + 9]?.kind === "text";
}

/** The string after the clause's `from`, or undefined when the statement is no import after all (`export type X = …`). */
function specifierAfter(tokens: readonly Token[], start: number): Token | undefined {
  for (let at = start; at < Math.min(tokens.length, start + clauseTokensMax); at++) {
    const token = tokens[at]!;
    if (token.text === "from" && tokens[at + 1]?.kind === "text") return tokens[at + 1];
    const isClause = token.kind === "word" || /^[*{},]$/.test(token.text) || token.kind === "text";
    if (!isClause) return undefined;
  }
  return undefined;
}
