// The server's settings as flags: one for each row of its table. What they may be is judged by the server's own loader.

import { type Property, printValue, serverConfigTable } from "@varve/model";
import type { Flag } from "./flags.ts";

const placeholders = { text: "text", list: "a,b", bytes: "size", ms: "duration", count: "n" } as const;

/** By name: `node-id`. */
export const serverSettingFlags: Readonly<Record<string, Flag & { readonly setting: string }>> = Object.fromEntries(
  Object.entries(serverConfigTable).map(([key, property]) => [key.replaceAll(".", "-"), { setting: key, ...flagOf(property) }]),
);

function flagOf(property: Property): Flag {
  const about = property.about.replace(/\.$/, "");
  if (property.type === "boolean") return { kind: "switch", about };
  const value = property.type === "choice" ? property.choices.join("|") : placeholders[property.type];
  const preset = printValue(property.default);
  return { kind: "text", value, about, ...(preset === "" ? {} : { default: preset }) };
}
