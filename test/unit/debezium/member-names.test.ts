import fc from "fast-check";
import { expect, test } from "vitest";
import { JsonReader } from "../../../connectors/debezium/decode/json-reader.ts";
import { MemberNames } from "../../../connectors/debezium/decode/member-names.ts";

function namesIn(text: string, names?: MemberNames): string[] {
  const [reader, found]: [JsonReader, string[]] = [new JsonReader(Buffer.from(text)), []];
  reader.members((name) => {
    found.push(name);
    reader.skip();
  }, names);
  reader.finish();
  return found;
}

test("names are what they are, in whatever order and however they are written, remembered or not", () => {
  const member = fc.tuple(fc.oneof(fc.constantFrom("op", "ts_ms", "source", "tên", 'a"b'), fc.string()), fc.jsonValue());
  const texts = fc.array(fc.array(member, { maxLength: 6 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(texts, (objects) => {
      const names = new MemberNames();
      for (const members of objects) {
        const text = `{${members.map(([name, value]) => `${JSON.stringify(name)} :  ${JSON.stringify(value)}`).join(" , ")}}`;
        const compact = `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
        for (const form of [text, compact, compact]) expect(namesIn(form, names)).toEqual(namesIn(form));
      }
    }),
  );
});

test("objects that are named by data are read as well", () => {
  const names = new MemberNames();
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 300; index++) expect(namesIn(`{"n${index}":1,"x":2}`, names)).toEqual([`n${index}`, "x"]);
  }
});
