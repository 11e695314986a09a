// Types of program.mjs, which is plain JavaScript because the launcher runs it on the machine's own Node.

export type BundledCommand = "start" | "varve";

export interface Program {
  /** Whether the bundle is one of the sources as they are now, or is known not to work. */
  readonly isFresh: boolean;
  /** Arguments for Node in front of the command's own. */
  readonly args: readonly string[];
  /** What it wants of its environment; what is set there already wins. */
  readonly environment: Readonly<Record<string, string>>;
}

export const bundledSources: Readonly<Record<BundledCommand, string>>;
export function bundlesFolder(root: string): string;
export function bundleStamp(root: string): string;
export function sourcesFingerprint(root: string): string;
export function stampBundle(root: string, fingerprint: string, folder?: string): void;
export function programOf(root: string, command: BundledCommand): Program;
export function environmentOf(root: string): Readonly<Record<string, string>>;
export function compileCacheIn(bundleFolder: string): Readonly<Record<string, string>>;
