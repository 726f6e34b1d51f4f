// How a MySQL or MariaDB server orders the keys of a table, in words that two servers share only where they order alike.
import type { SideColumn } from "../../compared-side.ts";
import type { MysqlSession } from "../mysql-client.ts";
import { textComparison } from "../mysql-collations.ts";
import type { ComparedRows } from "./compared-rows.ts";

/** Null: no index serves ranges of the key, or no other server need have its order. */
export function keyOrderOf({ side, index }: ComparedRows, server: Pick<MysqlSession, "flavour" | "version">): string | null {
  if (index === null) return null;
  const words = side.key.map((column) => wordOf(column, server));
  return words.every((word) => word !== null) ? words.join(",") : null;
}

function wordOf({ form, type }: SideColumn, { flavour, version }: Pick<MysqlSession, "flavour" | "version">): string | null {
  switch (type.category) {
    case "integer":
    case "decimal":
    case "date":
    case "timestamp":
    case "instant":
    case "bytes":
      return "plain";
    case "uuid":
      // MariaDB has changed the order of its UUIDs, which is not that of their digits.
      return `${flavour} ${version} uuid`;
    case "text": {
      const order = textOrder(type.declaration, flavour);
      // In lower case and of one length, their characters are ordered as their bytes are.
      return order === "bytes" && form === "uuid" ? "plain" : order;
    }
    default:
      return type.bare === "time" ? "plain" : null;
  }
}

/** By bytes, or by a collation, which keeps its order as long as it has its name. */
function textOrder(declaration: string, flavour: string): string | null {
  const comparison = textComparison(declaration);
  if (comparison === null) return null;
  const { charset, collation } = comparison;
  const bytewise = /_(nopad|0900)_bin$/.test(collation) && charset.startsWith("utf8");
  return bytewise ? "bytes" : `${flavour} ${collation}`;
}
