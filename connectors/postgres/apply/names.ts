// Names that PostgreSQL would cut or misread.
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import { printTable } from "../../../engine/model/table.ts";
import { batchColumn } from "./table-sql.ts";

/** NAMEDATALEN - 1: a longer name is cut silently, and two long names may become one. */
export const nameBytesMax = 63;

const systemColumns = ["tableoid", "ctid", "xmin", "xmax", "cmin", "cmax"];

/** Throws DB-TGT-014 when a name of the copy cannot be used as it is. */
export function refuseUnusableNames(table: TableMapping): void {
  const subject = printTable(table.target);
  const parts = [table.target.schema, table.target.name, table.physical.schema, table.physical.name];
  const columns = table.columns.map((column) => column.target);
  for (const name of [...parts, ...columns])
    if (Buffer.byteLength(name) > nameBytesMax)
      throw new ReplicationError("DB-TGT-014", { subject, cause: `${name} is longer than ${nameBytesMax} bytes` });
  for (const name of columns)
    if (name === batchColumn || systemColumns.includes(name))
      throw new ReplicationError("DB-TGT-014", { subject, cause: `a column cannot be called ${name}` });
  for (const { schema } of [table.target, table.physical])
    if (schema === "dongbo" || schema === "information_schema" || schema.startsWith("pg_"))
      throw new ReplicationError("DB-TGT-014", { subject, cause: `schema ${schema} is not for copies` });
}
