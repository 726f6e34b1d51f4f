// What hangs on a reader's view beside its definition, carried over when the view has to be dropped and made anew.
import type { ClientBase } from "pg";
import type { TableName } from "../../../engine/model/table.ts";
import { quoteIdentifier, quoteLiteral, quoteTable } from "../quote.ts";

/** Statements that bring back grants and comments of a view that was dropped, for those columns that it still has. */
export type Restore = (columns: readonly string[]) => readonly string[];

interface Grant {
  /** Null: on the whole view. */
  readonly column: string | null;
  readonly privilege: string;
  readonly grantable: string;
  /** Null: PUBLIC. */
  readonly grantee: string | null;
}

interface Comment {
  /** Null: of the view itself. */
  readonly column: string | null;
  readonly text: string;
}

const grantsSql = `
SELECT NULL AS column, acl.privilege_type AS privilege, acl.is_grantable AS grantable,
  CASE acl.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END AS grantee
FROM pg_class AS c CROSS JOIN LATERAL aclexplode(c.relacl) AS acl
WHERE c.oid = $1::regclass AND acl.grantee <> c.relowner
UNION
SELECT a.attname, acl.privilege_type, acl.is_grantable,
  CASE acl.grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(acl.grantee) END
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid CROSS JOIN LATERAL aclexplode(a.attacl) AS acl
WHERE c.oid = $1::regclass AND acl.grantee <> c.relowner AND NOT a.attisdropped`;

const commentsSql = `
SELECT a.attname AS column, d.description AS text
FROM pg_description AS d
LEFT JOIN pg_attribute AS a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE d.classoid = 'pg_class'::regclass AND d.objoid = $1::regclass`;

/**
 * Reads grants and comments of a view that is about to be dropped. What a grantee had passed on by his grant option comes
 * back as a grant of the owner: the privilege stays, its chain does not.
 */
export async function saveGrantsAndComments(client: ClientBase, view: TableName): Promise<Restore> {
  const name = quoteTable(view);
  const grants = (await client.query<Grant>(grantsSql, [name])).rows;
  const comments = (await client.query<Comment>(commentsSql, [name])).rows;
  return (columns) => {
    const stays = (item: { readonly column: string | null }): boolean => item.column === null || columns.includes(item.column);
    return [
      ...grants.filter(stays).map((grant) => grantStatement(name, grant)),
      ...comments.filter(stays).map((comment) => commentStatement(name, comment)),
    ];
  };
}

function grantStatement(view: string, grant: Grant): string {
  const part = grant.column === null ? "" : ` (${quoteIdentifier(grant.column)})`;
  const grantee = grant.grantee === null ? "PUBLIC" : quoteIdentifier(grant.grantee);
  const option = grant.grantable === "t" ? " WITH GRANT OPTION" : "";
  return `GRANT ${grant.privilege}${part} ON ${view} TO ${grantee}${option}`;
}

function commentStatement(view: string, comment: Comment): string {
  const what = comment.column === null ? `VIEW ${view}` : `COLUMN ${view}.${quoteIdentifier(comment.column)}`;
  return `COMMENT ON ${what} IS ${quoteLiteral(comment.text)}`;
}
