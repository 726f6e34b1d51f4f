// Which type of one database family stands for a type of the other. Values that the type chosen here cannot hold are never
// changed: the target refuses the row that has one.
import type { ColumnType } from "../engine/model/table.ts";
import type { ColumnRole, Family, LikeType } from "./like-type.ts";
import { toMysql } from "./type-families-mysql.ts";
import { toPostgres } from "./type-families-postgres.ts";

/** The type of `family` for a column of the other one. */
export function typeInFamily(source: ColumnType, family: Family, role: ColumnRole): LikeType {
  return family === "postgres" ? toPostgres(source) : toMysql(source, role);
}
