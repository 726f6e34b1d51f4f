// The schemas that target objects lie in: made when missing, and refused when they are somebody else's.
import type { ClientBase } from "pg";
import { ReplicationError } from "../../../engine/model/replication-error.ts";
import { quoteIdentifier } from "../quote.ts";
import { isTrue } from "./target-session.ts";

/** `own`: nobody else may own it, for what no reader may reach. `shared`: the consumer's own schema, dongbo adds views to it. */
type SchemaUse = "own" | "shared";

interface SchemaRow {
  readonly owner: string;
  readonly ours: string;
  readonly may_create: string;
}

/** Makes a schema, or checks that the one there can be used as wanted. */
export async function ensureSchema(client: ClientBase, schema: string, use: SchemaUse): Promise<void> {
  const { rows } = await client.query<SchemaRow>(
    `SELECT pg_get_userbyid(nspowner) AS owner, pg_get_userbyid(nspowner) = current_user AS ours,
       has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE') AS may_create
     FROM pg_namespace WHERE nspname = $1`,
    [schema],
  );
  const found = rows[0];
  if (found === undefined) {
    await createSchema(client, schema);
    return;
  }
  if (use === "own" && found.ours !== "t") throw await notOurs(client, schema, found.owner);
  if (use === "shared" && found.may_create !== "t") {
    const role = await currentRole(client);
    throw new ReplicationError("DB-TGT-003", {
      subject: schema,
      cause: `role ${role} may not create views in the schema`,
      sql: [`GRANT CREATE, USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${quoteIdentifier(role)};`],
    });
  }
}

/** The error for a schema of somebody else under a name that dongbo needs for itself. */
async function notOurs(client: ClientBase, schema: string, owner: string): Promise<ReplicationError> {
  const role = await currentRole(client);
  return new ReplicationError("DB-TGT-001", {
    subject: schema,
    cause: `the schema belongs to role ${owner}, not to dongbo's role ${role}`,
    sql: [`ALTER SCHEMA ${quoteIdentifier(schema)} OWNER TO ${quoteIdentifier(role)};`],
  });
}

async function createSchema(client: ClientBase, schema: string): Promise<void> {
  if (!(await isTrue(client, "SELECT has_database_privilege(current_database(), 'CREATE') AS answer", []))) {
    const role = await currentRole(client);
    const { rows } = await client.query<{ name: string }>("SELECT current_database() AS name");
    const create = `CREATE SCHEMA ${quoteIdentifier(schema)} AUTHORIZATION ${quoteIdentifier(role)};`;
    throw new ReplicationError("DB-TGT-003", {
      subject: schema,
      cause: `role ${role} may not create schemas in database ${rows[0]?.name ?? ""}`,
      sql: [create],
    });
  }
  await client.query(`CREATE SCHEMA ${quoteIdentifier(schema)}`);
}

async function currentRole(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ name: string }>("SELECT current_user AS name");
  return rows[0]?.name ?? "";
}
