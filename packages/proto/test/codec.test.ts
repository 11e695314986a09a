// Shows that the generated codecs agree with protobufjs's reflection over the .proto files, and what damaged bytes give.

import { fileURLToPath } from "node:url";
import { ClusterError } from "@varve/model";
import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import {
  adminMethods,
  decodeMetadataRecord,
  encodeMetadataRecord,
  fetchMethod,
  healthMethods,
  loadPackageDefinition,
  produceMethod,
} from "../src/index.ts";

const root = new protobuf.Root();
root.resolvePath = (_, target) => fileURLToPath(new URL(`../../../proto/${target}`, import.meta.url));
root.loadSync(["varve/v1/admin.proto", "varve/v1/data.proto", "varve/v1/metadata.proto", "grpc/health/v1/health.proto"]).resolveAll();

const plainForm = { longs: Number, defaults: true, oneofs: true };

/** Any message of a type, as a plain object with all that encoding takes. */
function messages(type: protobuf.Type): fc.Arbitrary<Record<string, unknown>> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of type.fieldsArray) {
    field.resolve();
    if (field.map) fields[field.name] = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true, maxKeys: 4 });
    else if (field.repeated) fields[field.name] = fc.array(values(field), { maxLength: 4 });
    else fields[field.name] = values(field);
  }
  return fc.record(fields, { requiredKeys: [], noNullPrototype: true });
}

function values(field: protobuf.Field): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type) return messages(field.resolvedType);
  if (field.resolvedType instanceof protobuf.Enum) return fc.integer({ min: 0, max: 3 });
  switch (field.type) {
    case "string":
      return fc.string({ unit: "grapheme" });
    case "bytes":
      return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes));
    case "bool":
      return fc.boolean();
    case "int32":
      return fc.integer();
    case "uint32":
      return fc.nat(0xffffffff);
    case "int64":
      return fc.maxSafeInteger();
    default:
      throw new Error(`no values for ${field.type}`);
  }
}

const unary = { ...adminMethods, ...healthMethods };
const kinds = [
  ...Object.entries(unary).flatMap(([name, method]) => {
    const rpc = [root.lookupService("varve.v1.Admin"), root.lookupService("grpc.health.v1.Health")].flatMap(
      (s) => s.methods[name] ?? [],
    )[0]!;
    return [
      { type: rpc.resolvedRequestType!, encode: method.request.encode, decode: method.request.decode },
      { type: rpc.resolvedResponseType!, encode: method.response.encode, decode: method.response.decode },
    ];
  }),
  { type: root.lookupType("varve.v1.MetadataRecord"), encode: encodeMetadataRecord, decode: decodeMetadataRecord },
].map((kind) => ({ ...kind, name: kind.type.name, encode: kind.encode as (message: object) => Uint8Array }));

test.for(kinds)("$name: what we encode protobufjs decodes to the same fields, and the other way round", ({ type, encode, decode }) => {
  fc.assert(
    fc.property(messages(type), (message) => {
      const theirs = type.encode(type.fromObject(message)).finish();
      expect(Buffer.from(encode(message)).equals(theirs)).toBe(true);
      expect(decode(theirs)).toEqual(type.toObject(type.decode(theirs), plainForm));
    }),
    { numRuns: 60 },
  );
});

test.for(kinds)("$name: damaged bytes are decoded to something or refused with INVALID_REQUEST", ({ type, decode }) => {
  const damaged = fc
    .tuple(messages(type), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), fc.nat(), fc.uint8Array({ maxLength: 4 }))
    .map(([message, flips, cut, tail]) => {
      const bytes = Buffer.concat([type.encode(type.fromObject(message)).finish(), tail]);
      for (const [at, value] of flips) if (bytes.length > 0) bytes[at % bytes.length] = value;
      return bytes.subarray(0, bytes.length - (cut % (bytes.length + 1)));
    });
  fc.assert(
    fc.property(damaged, (bytes) => {
      try {
        decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ClusterError);
        expect((error as ClusterError).code).toBe("INVALID_REQUEST");
      }
    }),
    { numRuns: 100 },
  );
});

test("a string that is cut off is refused, also in a Buffer", () => {
  const whole = Buffer.from(adminMethods.CreatePartitions.request.encode({ name: "orders" }));
  expect(() => adminMethods.CreatePartitions.request.decode(whole.subarray(0, -1))).toThrow(/not a CreatePartitionsRequest/);
});

test("groups nested 200 deep are refused", () => {
  const open = new Uint8Array(200).fill((15 << 3) | 3);
  expect(() => adminMethods.ListTopics.request.decode(open)).toThrow(/nesting depth/);
});

test("the key __proto__ of a map is a key like any other", () => {
  const config = JSON.parse('{"__proto__":"x"}') as Record<string, string>;
  const decoded = adminMethods.CreateTopics.request.decode(adminMethods.CreateTopics.request.encode({ topics: [{ name: "a", config }] }));
  expect(Object.entries(decoded.topics[0]!.config)).toEqual([["__proto__", "x"]]);
  expect(({} as { x?: string }).x).toBeUndefined();
});

test("the paths of the methods are those of proto-loader's definitions", async () => {
  const definition = await loadPackageDefinition();
  const paths = ["varve.v1.Data", "varve.v1.Admin", "grpc.health.v1.Health"].flatMap((name) =>
    Object.values(definition[name] as Record<string, { path: string }>).map((method) => method.path),
  );
  expect([produceMethod, fetchMethod, ...Object.values(unary).map((method) => method.path)].sort()).toEqual(paths.sort());
});
