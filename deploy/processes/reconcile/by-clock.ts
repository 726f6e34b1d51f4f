// Copies behind a Debezium connector, compared with the master itself over a connection that only reads. The topics' offsets say nothing
// of a place in the master's log, but the copy says up to which time of the master everything has come, and the master what time it is:
// so here times are the positions. A time counts only once it was proved (VL-07), which makes a comparison slower, not weaker.
import type { Position, PositionOrder } from "../../../engine/model/position.ts";
import type { Micros } from "../../../engine/model/change-message.ts";
import type { TableMapping } from "../../../engine/model/share.ts";
import type { CatalogTable } from "../../../engine/model/table.ts";
import type { CopyReading, CopyStand, CopyTable, MasterReading, MasterTable } from "../../../engine/ports/compared-table.ts";

export const timePositions: Pick<PositionOrder, "covers"> = {
  covers: (reached, wanted) => Number(reached) >= Number(wanted),
};

/** The table with the columns' types as the master has them: topics name the same columns, and their types otherwise. */
export function atMaster(table: TableMapping, catalog: CatalogTable): TableMapping {
  const columns = table.columns.map((column) => {
    const found = catalog.columns.find(({ name }) => name === column.source);
    const sourceType = found?.type ?? column.sourceType;
    const { declaration } = column.sourceType;
    const targetType = column.targetType ?? (declaration === sourceType.declaration ? null : declaration);
    return { ...column, sourceType, targetType };
  });
  return { ...table, columns, catalog };
}

export function masterByClock(master: MasterTable): MasterTable {
  return {
    versioned: master.versioned,
    estimatedRows: master.estimatedRows,
    keyOrder: () => master.keyOrder(),
    quickHash: master.quickHash,
    border: (range, rows) => master.border(range, rows),
    mark: () => master.mark(),
    digest: async (range, groups) => readByClock(await master.digest(range, groups)),
    list: async (range, choice) => readByClock(await master.list(range, choice)),
    find: async (keys) => readByClock(await master.find(keys)),
    columns: async (keys) => readByClock(await master.columns(keys)),
    values: (keys, column) => master.values(keys, column),
    close: () => master.close(),
  };
}

export function copyByClock(copy: CopyTable): CopyTable {
  return {
    keyOrder: () => copy.keyOrder(),
    quickHash: copy.quickHash,
    stand: async () => standByClock(await copy.stand()),
    digest: async (range, groups) => shownByClock(await copy.digest(range, groups)),
    list: async (range, choice) => shownByClock(await copy.list(range, choice)),
    find: async (keys) => shownByClock(await copy.find(keys)),
    columns: async (keys) => shownByClock(await copy.columns(keys)),
    values: (keys, column) => copy.values(keys, column),
    quarantined: () => copy.quarantined(),
    dangling: (reference, limit) => copy.dangling(reference, limit),
    close: () => copy.close(),
  };
}

function readByClock<T>(reading: MasterReading<T>): MasterReading<T> {
  return { ...reading, position: printTime(reading.at) };
}

function shownByClock<T>(reading: CopyReading<T>): CopyReading<T> {
  return { ...reading, stand: standByClock(reading.stand) };
}

function standByClock(stand: CopyStand): CopyStand {
  return { ...stand, position: stand.position === null || stand.sourceTime === null ? null : printTime(stand.sourceTime) };
}

function printTime(at: Micros): Position {
  return String(at) as Position;
}
