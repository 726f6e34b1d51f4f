// The user-defined types that a copy's columns need: made in the physical schema, kept in step with the source's.
// Domains become what lies under them: their checks are the master's business, and a copy must take what the master took.
import { createHash } from "node:crypto";
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { type ColumnType, printTable, tableKey, type TableName, type TypeDefinition } from "../../../engine/model/table.ts";
import { quoteIdentifier, quoteLiteral, quoteTable } from "../quote.ts";
import { type CanonicalType, canonicalTypes } from "./canonical-types.ts";
import { findExtensionType, findType, type FoundType } from "./found-type.ts";
import { nameBytesMax } from "./names.ts";

/** Where a column lies and how it is called when something is wrong with it. */
export interface ColumnPlace {
  readonly physicalSchema: string;
  /** `population.citizen.gender`. */
  readonly subject: string;
}

type MadeType = Exclude<TypeDefinition, { kind: "domain" }>;

/** The types of one source in one target database. Lives for one transaction of changingObjects. */
export class UserTypes {
  readonly #client: ClientBase;
  readonly #source: string;
  /** Physical tables that will be made: each has a row type of its name. */
  readonly #tables: ReadonlySet<string>;
  /** Source type in a physical schema → how it is declared here. */
  readonly #declared = new Map<string, string>();

  constructor(client: ClientBase, source: string, tables: readonly TableName[]) {
    this.#client = client;
    this.#source = source;
    this.#tables = new Set(tables.map(tableKey));
  }

  /**
   * The declaration of a column of this type in the target; makes and extends the types it needs. Throws DB-TGT-008 when
   * an extension is missing, DB-TGT-009 when a type cannot be made or the one there is another.
   */
  async declare(type: ColumnType, place: ColumnPlace): Promise<string> {
    for (const definition of type.definitions) await this.#ensure(definition, type, place);
    return this.#rewrite(type.declaration, type, place);
  }

  async #ensure(definition: TypeDefinition, type: ColumnType, place: ColumnPlace): Promise<void> {
    const key = this.#key(definition.name, place);
    if (this.#declared.has(key)) return;
    if (definition.kind === "domain") {
      this.#declared.set(key, await this.#rewrite(definition.base, type, place));
      return;
    }
    const wanted = await this.#rewriteParts(definition, type, place);
    const name = (await this.#registered(definition.name, place)) ?? (await this.#freeName(wanted, place));
    const found = await findType(this.#client, name);
    if (found === null) await this.#create(wanted, name);
    else await this.#extend(wanted, name, found, place);
    await this.#client.query("INSERT INTO dongbo.user_type VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING", [
      this.#source,
      definition.name.schema,
      definition.name.name,
      name.schema,
      name.name,
    ]);
    this.#declared.set(key, quoteTable(name));
  }

  /** A declaration's own type name replaced by the target's; built-in types stay as they are. */
  async #rewrite(declaration: string, type: ColumnType, place: ColumnPlace): Promise<string> {
    const qualified = splitQualified(declaration);
    if (qualified === null || qualified.name.schema === "pg_catalog" || qualified.name.schema === "information_schema") return declaration;
    const base = this.#declared.get(this.#key(qualified.name, place)) ?? (await this.#foreign(qualified.name, type, place));
    if (base.endsWith("]") && qualified.rest.startsWith("["))
      throw this.#cannotMake(qualified.name, place, "an array of a domain over an array");
    return `${base}${qualified.rest}`;
  }

  /** A type that no definition describes: an extension's, or the multirange that came with the range defined last. */
  async #foreign(name: TableName, type: ColumnType, place: ColumnPlace): Promise<string> {
    if (type.extension !== null) {
      const found = await findExtensionType(this.#client, name.name, type.extension);
      if (found !== null) return quoteTable(found);
      throw new ReplicationError("DB-TGT-008", {
        subject: place.subject,
        cause: `type ${name.name} belongs to extension ${type.extension}, which this database does not have`,
        sql: [`CREATE EXTENSION IF NOT EXISTS ${quoteIdentifier(type.extension)};`],
      });
    }
    const range = type.definitions.at(-1);
    if (range?.kind !== "range") throw this.#cannotMake(name, place, "it cannot be declared again from the source's catalogue alone");
    const made = await this.#registered(range.name, place);
    const found = made === null ? null : await findType(this.#client, made);
    const multirange = found?.multirange ?? null;
    if (multirange === null) throw this.#cannotMake(name, place, "its range type has no multirange here");
    return quoteTable(multirange);
  }

  async #rewriteParts(definition: MadeType, type: ColumnType, place: ColumnPlace): Promise<MadeType> {
    if (definition.kind === "enum") return definition;
    if (definition.kind === "range") {
      const [subtype] = await this.#canonical([await this.#rewrite(definition.subtype, type, place)], definition.name, place);
      // A range keeps no modifier of its subtype.
      return { ...definition, subtype: subtype?.bare ?? "" };
    }
    const texts: string[] = [];
    for (const attribute of definition.attributes) texts.push(await this.#rewrite(attribute.type, type, place));
    const types = await this.#canonical(texts, definition.name, place);
    return { ...definition, attributes: definition.attributes.map(({ name }, index) => ({ name, type: types[index]?.text ?? "" })) };
  }

  async #canonical(declarations: readonly string[], of: TableName, place: ColumnPlace): Promise<CanonicalType[]> {
    const types = await canonicalTypes(this.#client, declarations);
    return types.map((type, index) => {
      if (type === null) throw this.#cannotMake(of, place, `this server does not know ${declarations[index] ?? ""}`);
      return type;
    });
  }

  /** The name under which this source's type was made here before. */
  async #registered(name: TableName, place: ColumnPlace): Promise<TableName | null> {
    const { rows } = await this.#client.query<{ physical_name: string }>(
      `SELECT physical_name FROM dongbo.user_type
       WHERE source = $1 AND source_schema = $2 AND source_name = $3 AND physical_schema = $4`,
      [this.#source, name.schema, name.name, place.physicalSchema],
    );
    return rows[0] === undefined ? null : { schema: place.physicalSchema, name: rows[0].physical_name };
  }

  /** The source's own name; with a digest when another source, schema or table has that name here already. */
  async #freeName(wanted: MadeType, place: ColumnPlace): Promise<TableName> {
    const plain = { schema: place.physicalSchema, name: wanted.name.name };
    if (!this.#tables.has(tableKey(plain)) && (await this.#mayTake(plain, wanted))) return plain;
    const digest = createHash("sha256")
      .update(JSON.stringify([this.#source, wanted.name]))
      .digest("hex")
      .slice(0, 8);
    const distinct = { ...plain, name: `${truncateUtf8(plain.name, nameBytesMax - digest.length - 1)}_${digest}` };
    if (await this.#mayTake(distinct, wanted)) return distinct;
    throw new ReplicationError("DB-TGT-005", { subject: printTable(distinct), cause: "a type of that name is there and is not dongbo's" });
  }

  /** Nothing is there, or what is there is ours, nobody's yet and just as wanted: left over when its record was lost. */
  async #mayTake(name: TableName, wanted: MadeType): Promise<boolean> {
    const found = await findType(this.#client, name);
    if (found === null) return true;
    if (!found.ours || difference(wanted, found) !== null) return false;
    const { rows } = await this.#client.query("SELECT FROM dongbo.user_type WHERE physical_schema = $1 AND physical_name = $2", [
      name.schema,
      name.name,
    ]);
    return rows.length === 0;
  }

  async #create(wanted: MadeType, name: TableName): Promise<void> {
    const type = quoteTable(name);
    switch (wanted.kind) {
      case "enum":
        await this.#client.query(`CREATE TYPE ${type} AS ENUM (${wanted.labels.map(quoteLiteral).join(", ")})`);
        return;
      case "composite":
        await this.#client.query(
          `CREATE TYPE ${type} AS (${wanted.attributes.map((part) => `${quoteIdentifier(part.name)} ${part.type}`).join(", ")})`,
        );
        return;
      case "range":
        await this.#client.query(`CREATE TYPE ${type} AS RANGE (subtype = ${wanted.subtype})`);
    }
  }

  /** Adds labels that the source's enum has gained, in their places; refuses every other difference. */
  async #extend(wanted: MadeType, name: TableName, found: FoundType, place: ColumnPlace): Promise<void> {
    const why = found.ours ? difference(wanted, found) : "it belongs to another role";
    if (why !== null) {
      const cause = `type ${printTable(name)} is not what ${printTable(wanted.name)} is at the source: ${why}`;
      throw new ReplicationError("DB-TGT-009", { subject: place.subject, cause });
    }
    if (wanted.kind !== "enum") return;
    for (const [index, label] of wanted.labels.entries()) {
      if (found.labels.includes(label)) continue;
      const before = wanted.labels[index - 1];
      const first = found.labels[0];
      const position =
        before !== undefined ? ` AFTER ${quoteLiteral(before)}` : first !== undefined ? ` BEFORE ${quoteLiteral(first)}` : "";
      await this.#client.query(`ALTER TYPE ${quoteTable(name)} ADD VALUE ${quoteLiteral(label)}${position}`);
    }
  }

  #key(name: TableName, place: ColumnPlace): string {
    return JSON.stringify([place.physicalSchema, name.schema, name.name]);
  }

  #cannotMake(name: TableName, place: ColumnPlace, why: string): ReplicationError {
    return new ReplicationError("DB-TGT-009", {
      subject: place.subject,
      cause: `type ${printTable(name)} cannot be made in the target: ${why}`,
      remedy: "Give the column another type in the configuration (type:), such as text",
    });
  }
}

/**
 * Why the type found cannot hold what the source's type holds; null when it can, perhaps after labels were added. Labels
 * that only the target has are harmless, but beside missing ones they tell of a label that was renamed: rows here would
 * keep the old one.
 */
function difference(wanted: MadeType, found: FoundType): string | null {
  switch (wanted.kind) {
    case "enum": {
      if (found.typtype !== "e") return "it is no enum";
      const missing = wanted.labels.filter((label) => !found.labels.includes(label));
      const extra = found.labels.filter((label) => !wanted.labels.includes(label));
      if (missing.length > 0 && extra.length > 0) return "a label was renamed or the types only share their name";
      const common = wanted.labels.filter((label) => found.labels.includes(label));
      const order = found.labels.filter((label) => wanted.labels.includes(label));
      return common.join("\0") === order.join("\0") ? null : "the labels are in another order";
    }
    case "composite":
      return found.typtype === "c" && printParts(found.attributes) === printParts(wanted.attributes) ? null : "the attributes differ";
    case "range":
      return found.typtype === "r" && found.subtype === wanted.subtype ? null : "the subtype differs";
  }
}

function printParts(parts: readonly { readonly name: string; readonly type: string }[]): string {
  return JSON.stringify(parts.map((part) => [part.name, part.type]));
}

/** `schema.name` at the head of a declaration, unquoted, and what follows; null when the type is not qualified. */
function splitQualified(declaration: string): { name: TableName; rest: string } | null {
  const match = /^("(?:[^"]|"")+"|[^\s".([]+)\.("(?:[^"]|"")+"|[^\s".([]+)(.*)$/su.exec(declaration);
  if (match === null) return null;
  return { name: { schema: unquote(match[1] ?? ""), name: unquote(match[2] ?? "") }, rest: match[3] ?? "" };
}

function unquote(identifier: string): string {
  return identifier.startsWith('"') ? identifier.slice(1, -1).replaceAll('""', '"') : identifier;
}

function truncateUtf8(text: string, bytesMax: number): string {
  let cut = "";
  for (const character of text) {
    if (Buffer.byteLength(cut + character) > bytesMax) break;
    cut += character;
  }
  return cut;
}
