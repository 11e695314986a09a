// A server's configuration from its three sources: flags over environment over file over defaults. Every problem is told at once.

import { defaults, type Property, parseValue, printValue, type ServerConfig, type ServerConfigKey, serverConfigTable } from "@varve/model";

export interface ConfigSources {
  /** Keys of the table with their values, as read from the file, and the file's name for messages. */
  readonly file?: { readonly name: string; readonly values: ReadonlyMap<string, unknown> };
  /** The environment: `VARVE_NODE_ID` is `node.id`. Names that do not begin with `VARVE_` are not looked at. */
  readonly environment: ReadonlyMap<string, string>;
  /** Keys of the table with their texts. */
  readonly flags: ReadonlyMap<string, string>;
}

export type LoadedConfig =
  | { readonly kind: "ok"; readonly config: ServerConfig; readonly sourceOf: ReadonlyMap<ServerConfigKey, string> }
  | { readonly kind: "problems"; readonly problems: readonly string[] };

/** Variables with our prefix that configure something else than the server: the client's and the launcher's. */
const otherVariables: ReadonlySet<string> = new Set(["VARVE_BOOTSTRAP", "VARVE_CONFIG", "VARVE_FORMAT", "VARVE_TIMEOUT"]);

/** `node.id` → `VARVE_NODE_ID`. */
export function environmentName(key: string): string {
  return `VARVE_${key.toUpperCase().replaceAll(".", "_")}`;
}

/** `node.id` → `node-id`. */
export function flagName(key: string): string {
  return key.replaceAll(".", "-");
}

export function loadServerConfig(sources: ConfigSources): LoadedConfig {
  const values: Record<string, unknown> = { ...defaults(serverConfigTable) };
  const sourceOf = new Map<ServerConfigKey, string>();
  const problems: string[] = [];
  const set = (key: string, text: string, source: string) => {
    if (!isKey(key)) return problems.push(`${source}: ${JSON.stringify(key)} is not a setting; \`varve server --help\` lists them`);
    const parsed = parseValue(key, serverConfigTable[key] as Property, text);
    if ("problem" in parsed) return problems.push(`${source}: ${parsed.problem}`);
    values[key] = parsed.value;
    sourceOf.set(key, source);
  };

  for (const [key, value] of sources.file?.values ?? []) set(key, printValue(value), sources.file!.name);
  const keyOfVariable = new Map(Object.keys(serverConfigTable).map((key) => [environmentName(key), key]));
  for (const [name, text] of sources.environment) {
    if (!name.startsWith("VARVE_") || otherVariables.has(name)) continue;
    const key = keyOfVariable.get(name);
    if (key === undefined) problems.push(`environment: ${name} names no setting; \`varve server --help\` lists them`);
    else set(key, text, `environment variable ${name}`);
  }
  for (const [key, text] of sources.flags) set(key, text, `flag --${flagName(key)}`);

  const config = values as ServerConfig;
  problems.push(...contradictions(config));
  return problems.length > 0 ? { kind: "problems", problems } : { kind: "ok", config, sourceOf };
}

function isKey(key: string): key is ServerConfigKey {
  return Object.hasOwn(serverConfigTable, key);
}

function contradictions(config: ServerConfig): string[] {
  const problems: string[] = [];
  for (const key of ["listener", "http.listener"] as const) {
    const address = config[key];
    if (address === "" && key === "http.listener") continue;
    const host = hostOf(address);
    if (host === undefined) problems.push(`${key} is host:port, not "${address}"`);
    else if (!config.insecure && !isLoopback(host)) {
      problems.push(
        `${key} ${address} is not loopback: there is no encryption and no authentication yet, so this needs --insecure (or VARVE_INSECURE=true)`,
      );
    }
  }
  if (!config.roles.includes("broker") || !config.roles.includes("controller")) {
    problems.push("roles: a single process is broker and controller; apart they need the cluster, which is not there yet");
  }
  return problems;
}

/** The host of `host:port` or `[v6]:port`; undefined when the text is neither. */
export function hostOf(address: string): string | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):([0-9]{1,5})$/.exec(address);
  if (match === null || Number(match[3]) > 65_535) return undefined;
  return match[1] ?? match[2];
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$/.test(host);
}
