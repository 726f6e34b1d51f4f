// Names that MySQL and MariaDB would refuse or mistake for one another.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable } from "../../../engine/model/table.ts";
import type { MysqlSession } from "../mysql-client.ts";

/** The column of a physical table that says which batch wrote a row. */
export const batchColumn = "dongbo_batch";

/** Characters of an identifier ("Identifier Length Limits"). */
const nameCharactersMax = 64;

/**
 * Whether a name that information_schema tells is the one that is meant: it looks names up without regard to capitals, and a
 * server that folds them may have kept them without.
 */
export function isSameName({ foldsNames }: Pick<MysqlSession, "foldsNames">, found: string | null | undefined, meant: string): boolean {
  return foldsNames ? found?.toLowerCase() === meant.toLowerCase() : found === meant;
}

const systemDatabases: ReadonlySet<string> = new Set(["dongbo", "information_schema", "mysql", "performance_schema", "sys"]);

/** Throws DB-TGT-014 when a name of the copy cannot be used as it is. */
export function refuseUnusableNames(table: TableMapping): void {
  const refuse = (cause: string): never => {
    throw new ReplicationError("DB-TGT-014", { subject: printTable(table.target), cause });
  };
  const columns = table.columns.map((column) => column.target);
  for (const name of [table.target.schema, table.target.name, table.physical.schema, table.physical.name, ...columns]) {
    if (/[\u{10000}-\u{10FFFF}]/u.test(name)) refuse(`${name} holds a character beyond the basic plane, which no name there may hold`);
    if (name.length > nameCharactersMax) refuse(`${name} is longer than ${nameCharactersMax} characters`);
    if (name.endsWith(" ")) refuse(`"${name}" ends with a blank`);
  }
  const seen = new Map([[batchColumn, batchColumn]]);
  for (const name of columns) {
    const other = seen.get(name.toLowerCase());
    if (other === batchColumn) refuse(`a column cannot be called ${name}`);
    if (other !== undefined) refuse(`columns ${other} and ${name} are one to the server, which overlooks capitals in them`);
    seen.set(name.toLowerCase(), name);
  }
  for (const { schema } of [table.target, table.physical])
    if (systemDatabases.has(schema.toLowerCase())) refuse(`database ${schema} is not for copies`);
}
