// Both sides of a comparison, each at its server's pace: what is read of rows counts, what is asked of records and places does not.
import type { CopyReading, CopyTable, GroupDigest, MasterReading, MasterTable } from "../engine/ports/compared-table.ts";
import { Pace, type PaceParts } from "./pace.ts";

export function pacedMaster(master: MasterTable, parts: PaceParts): MasterTable {
  const pace = new Pace(parts);
  return {
    versioned: master.versioned,
    estimatedRows: master.estimatedRows,
    keyOrder: () => master.keyOrder(),
    quickHash: master.quickHash,
    border: (range, rows) =>
      pace.keep(
        "border",
        () => master.border(range, rows),
        () => rows,
      ),
    mark: () => master.mark(),
    digest: (range, groups) => pace.keep(digestKind(groups), () => master.digest(range, groups), counted),
    list: (range, choice) => pace.keep("list", () => master.list(range, choice), listed),
    find: (keys) =>
      pace.keep(
        "find",
        () => master.find(keys),
        () => keys.length,
      ),
    columns: (keys) =>
      pace.keep(
        "columns",
        () => master.columns(keys),
        () => keys.length,
      ),
    values: (keys, column) =>
      pace.keep(
        "values",
        () => master.values(keys, column),
        () => keys.length,
      ),
    close: () => master.close(),
  };
}

export function pacedCopy(copy: CopyTable, parts: PaceParts): CopyTable {
  const pace = new Pace(parts);
  return {
    keyOrder: () => copy.keyOrder(),
    quickHash: copy.quickHash,
    stand: () => copy.stand(),
    digest: (range, groups) => pace.keep(digestKind(groups), () => copy.digest(range, groups), counted),
    list: (range, choice) => pace.keep("list", () => copy.list(range, choice), listed),
    find: (keys) =>
      pace.keep(
        "find",
        () => copy.find(keys),
        () => keys.length,
      ),
    columns: (keys) =>
      pace.keep(
        "columns",
        () => copy.columns(keys),
        () => keys.length,
      ),
    values: (keys, column) =>
      pace.keep(
        "values",
        () => copy.values(keys, column),
        () => keys.length,
      ),
    quarantined: () => copy.quarantined(),
    dangling: (reference, limit) =>
      pace.keep(
        "dangling",
        () => copy.dangling(reference, limit),
        () => 0,
      ),
    close: () => copy.close(),
  };
}

function digestKind(groups: number): string {
  return groups === 1 ? "digest" : "digest of groups";
}

function counted({ answer }: MasterReading<readonly GroupDigest[]> | CopyReading<readonly GroupDigest[]>): number {
  return answer.reduce((sum, { count }) => sum + count, 0);
}

/** All rows of a range are read for those of the wanted groups: of the range nothing is known here. */
function listed(): number {
  return 0;
}
