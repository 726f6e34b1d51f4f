// Makes a target ready for a subscription: schema dongbo, types, tables, gated views, grants, records. In one transaction,
// so that a reader never meets half of it, and one process at a time in the whole database.
import type { ClientBase } from "pg";
import { readContract as parseContract } from "../../../engine/config/contract-text.ts";
import type { Subscription, TableMapping } from "../../../engine/model/share.ts";
import { partIds, wholeOf } from "../../../engine/model/slice.ts";
import { printTable, type TableName } from "../../../engine/model/table.ts";
import type { Objection, TargetState } from "../../../engine/ports/change-target.ts";
import { grantToReaders } from "./grants.ts";
import { refuseUnusableNames } from "./names.ts";
import { dropColumns, ensurePhysicalTable } from "./physical-table.ts";
import { ensureReaderView } from "./reader-view.ts";
import { ensureSchema } from "./schemas.ts";
import {
  adoptRows,
  awaitLoad,
  fenceOtherSlices,
  forgetRows,
  passFirstBatches,
  readContract,
  readCopyRecord,
  readTargetState,
  registerCopies,
  registerSubscription,
  stopCopy,
  writeCopyRecord,
} from "./target-records.ts";
import { ensureTargetSchema } from "./target-schema.ts";
import { changingObjects, type Purpose } from "./target-session.ts";
import { UserTypes } from "./user-types.ts";

export interface PrepareOptions {
  readonly objection?: Objection | undefined;
  readonly purpose?: Purpose;
}

/**
 * Brings the target in step with the subscription and tells what it holds. Idempotent: nothing is touched that is as it
 * should be. A copy that gained a column is RESYNCING from then on: its contract differs, and the caller owes it a load.
 * `client` is outside of any transaction. Throws DB-TGT-001 to 014, and DB-PG codes.
 */
export async function prepareTarget(
  client: ClientBase,
  subscription: Subscription,
  readers: readonly string[],
  { objection = (table) => ("reason" in table ? table.reason : null), purpose = "carry out" }: PrepareOptions = {},
): Promise<TargetState> {
  const { id, source, tables } = subscription;
  tables.forEach(refuseUnusableNames);
  return changingObjects(
    client,
    id,
    async () => {
      await ensureTargetSchema(client);
      await registerSubscription(client, subscription);
      await registerCopies(client, subscription);
      for (const schema of new Set(tables.map((table) => table.physical.schema))) await ensureSchema(client, schema, "own");
      for (const schema of new Set(tables.map((table) => table.target.schema))) await ensureSchema(client, schema, "shared");
      const types = new UserTypes(client, source, physicalNames(tables));
      const prepared: TableName[] = [];
      for (const table of [...tables, ...subscription.stopped]) {
        const contract = await readContract(client, id, table);
        const found = objection(table, contract);
        const reason = found === "withdrawn" ? null : found;
        if (reason !== null) await stopCopy(client, id, table, reason);
        if (found === "withdrawn") await awaitLoad(client, [id], table);
        if (reason !== null || "reason" in table) continue;
        await prepareCopy(client, subscription, table, { types, retyped: retypedColumns(table, contract) });
        prepared.push(table.target);
      }
      await passFirstBatches(client, subscription);
      await grantToReaders(client, readers, prepared);
      return readTargetState(client, subscription);
    },
    purpose,
  );
}

/** Adds what the source's user-defined types have gained since: enum labels. Throws DB-TGT-009 where more than that changed. */
export async function refreshTypes(client: ClientBase, subscription: Subscription, table: TableMapping): Promise<void> {
  await changingObjects(client, subscription.id, async () => {
    const types = new UserTypes(client, subscription.source, physicalNames(subscription.tables));
    const place = { physicalSchema: table.physical.schema, subject: printTable(table.physical) };
    for (const column of table.columns) if (column.targetType === null) await types.declare(column.sourceType, place);
  });
}

interface CopyParts {
  readonly types: UserTypes;
  readonly retyped: ReadonlySet<string>;
}

async function prepareCopy(
  client: ClientBase,
  subscription: Subscription,
  table: TableMapping,
  { types, retyped }: CopyParts,
): Promise<void> {
  const parts = partIds(subscription);
  const record = await readCopyRecord(client, parts, table);
  const changes = await ensurePhysicalTable(client, table, types, { columns: record.columns, retyped });
  if (changes.made) await forgetRows(client, parts, table);
  else if (record.columns === null) await adoptRows(client, subscription, table);
  else if (changes.added) await awaitLoad(client, parts, table);
  // What other slices write would not fit the table any more.
  if (changes.made || changes.added || changes.withdrawn.length > 0) await fenceOtherSlices(client, subscription);
  const columns = table.columns.map((column) => column.target);
  const viewDigest = await ensureReaderView(client, {
    subscription: wholeOf(subscription),
    view: table.target,
    physical: table.physical,
    columns,
    digest: record.viewDigest,
  });
  await dropColumns(client, table.physical, changes.withdrawn);
  await writeCopyRecord(client, parts, table, { columns, viewDigest });
}

/** Columns whose values are of another type, by the contract that they obey, than they shall be: a load must write them anew. */
function retypedColumns(table: TableMapping, contract: string | null): Set<string> {
  const known = (contract === null ? null : parseContract(contract))?.columns ?? [];
  const before = new Map(known.map(({ target, type }) => [target, type]));
  const changed = table.columns.filter(({ target, targetType, sourceType }) => {
    const type = before.get(target);
    return type !== undefined && type !== (targetType ?? sourceType.declaration);
  });
  return new Set(changed.map(({ target }) => target));
}

function physicalNames(tables: readonly TableMapping[]): TableMapping["physical"][] {
  return tables.map((table) => table.physical);
}
