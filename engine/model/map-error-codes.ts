import type { ErrorCodeEntry } from "./error-code-entry.ts";

/**
 * The part of the register about tables, columns, filters and types against the source: 001–009 filters, 010–029 the
 * stream's contract, 050–059 types of another database family.
 */
export const mapErrorCodes = {
  "DB-MAP-001": {
    meaning: "the filter names a column that the table does not have",
    usualCause: "a misspelt name, or the column was dropped or renamed at the source",
    remedy: "Write the column's name as the source has it, capitals included",
    retry: "operator",
  },
  "DB-MAP-002": {
    meaning: "the filter compares a column whose type cannot be compared exactly",
    usualCause: "floating-point numbers, bytes, JSON, arrays and the like have no equality that every database shares",
    remedy: "Filter by another column; `is_null` works with every type",
    retry: "operator",
  },
  "DB-MAP-003": {
    meaning: "a value in the filter cannot be read in its column's type",
    usualCause: "a value of another type, out of range, or in a local way of writing dates and times",
    remedy: "Write the value as the message says; quote it in YAML",
    retry: "operator",
  },
  "DB-MAP-004": {
    meaning: "the filter uses an operator that the column's type does not have",
    usualCause: "ordering an enum, or `starts_with` on something that is not text",
    remedy: "Use `in` with the values wanted",
    retry: "operator",
  },
  "DB-MAP-005": {
    meaning: "the filter orders text whose collation is not the order of bytes",
    usualCause: "the column has the collation of a language, which orders differently from server to server",
    remedy: 'Use `eq`, `in` or `starts_with`, or give the column COLLATE "C" at the source',
    retry: "operator",
  },
  "DB-MAP-006": {
    meaning: "the filter compares text for which different bytes may be equal",
    usualCause: "the column has a nondeterministic collation or the type citext",
    remedy: "Filter by another column, or give the column a deterministic collation at the source",
    retry: "operator",
  },
  "DB-MAP-007": {
    meaning: "the filter names an enum label that the type does not have",
    usualCause: "a misspelt label, or one that was added or renamed since",
    remedy: "Use one of the labels of the type, in its spelling",
    retry: "operator",
  },
  "DB-MAP-008": {
    meaning: "the filter names a generated column",
    usualCause: "the server computes the column, and the change stream does not carry it",
    remedy: "Filter by the columns it is computed from",
    retry: "operator",
  },
  "DB-MAP-010": {
    meaning: "a column that the copy needs is no longer in the source table's change stream",
    usualCause: "it was dropped, or the publication's column list leaves it out",
    remedy: "Bring the column back and run `dongbo resync` for the table, or take it out of the share and run `dongbo apply`",
    retry: "operator",
  },
  "DB-MAP-011": {
    meaning: "a column that the copy needs has another type now",
    usualCause: "ALTER TABLE … ALTER COLUMN … TYPE at the source",
    remedy:
      "Bring the type back, or keep the new one: either way run `dongbo resync` for the table; or take the column out of the share and run `dongbo apply`",
    retry: "operator",
  },
  "DB-MAP-012": {
    meaning: "a column that the copy needs seems to have another name now",
    usualCause: "ALTER TABLE … RENAME COLUMN at the source",
    remedy: "Write the new name in the share with `to:` the old one, then run `dongbo apply`",
    retry: "operator",
  },
  "DB-MAP-013": {
    meaning: "updates and deletes no longer say which row of the copy they mean",
    usualCause: "the table's replica identity was changed, or its index was dropped",
    remedy: "Set the replica identity so that it covers the share's key, then run `dongbo resync` for the table",
    retry: "operator",
  },
  "DB-MAP-014": {
    meaning: "the source table is not the one the copy was made from",
    usualCause: "it was dropped and made again, or renamed",
    remedy: "Run `dongbo check`, correct the share if the table has another name, then `dongbo resync` for the table",
    retry: "operator",
  },
  "DB-MAP-015": {
    meaning: "a column that the copy needs is not the one its values came from",
    usualCause: "it was dropped and made again at the source",
    remedy: "Run `dongbo resync` for the table",
    retry: "operator",
  },
  "DB-MAP-030": {
    meaning: "the source table does not exist, or the source role cannot see it",
    usualCause: "a typing mistake, a dropped table, or no USAGE on its schema",
    remedy: "Correct the name in the share; names are taken literally, capitals included",
    retry: "operator",
  },
  "DB-MAP-031": {
    meaning: "the share names a column that the source table does not have",
    usualCause: "a typing mistake, or the column was dropped or renamed at the source",
    remedy: "Correct the column in the share",
    retry: "operator",
  },
  "DB-MAP-032": {
    meaning: "the table has no key by which a copy could follow it",
    usualCause: "no primary key, or the share's key is not unique, may be NULL or compares text by a nondeterministic collation",
    remedy: "Add a primary key at the source, or name in `key:` the columns of a unique index over NOT NULL columns",
    retry: "operator",
  },
  "DB-MAP-033": {
    meaning: "a key column is not among the columns shared",
    usualCause: "`columns:` leaves it out",
    remedy: "Add the key column to `columns:`, or choose another key",
    retry: "operator",
  },
  "DB-MAP-034": {
    meaning: "two columns of the copy would have the same name",
    usualCause: "`to:` repeats a name, or takes `dongbo_batch`, which the engine needs",
    remedy: "Give each column of the copy a name of its own",
    retry: "operator",
  },
  "DB-MAP-035": {
    meaning: "a generated column is shared, but the source does not put it into its change stream",
    usualCause: "PostgreSQL before 18, or a virtual column: only stored ones can be published, and only since 18",
    remedy: "Take the column out of the share; the copy's owner can compute it in a view",
    retry: "operator",
  },
  "DB-MAP-036": {
    meaning: "the table has more columns than a copy can have",
    usualCause: "PostgreSQL allows 1,600 columns and MySQL's InnoDB 1,017, of which the engine needs one",
    remedy: "Share fewer columns",
    retry: "operator",
  },
  "DB-MAP-050": {
    meaning: "the copy holds a column in a wider type, or as text",
    usualCause: "the target is of another database family, which has no equal type",
    remedy: "None needed; `type:` gives the column another type",
    retry: "operator",
  },
  "DB-MAP-051": {
    meaning: "the copy loses something of a column, as its share accepts",
    usualCause: "`type:` names a type that holds less than the source's, with `accept_loss: true`",
    remedy: "None needed; without `type:` the copy loses nothing",
    retry: "operator",
  },
  "DB-MAP-052": {
    meaning: "the copy would lose something of a column, and its share does not accept that",
    usualCause: "`type:` names a type that holds less than the source's",
    remedy: "Take `type:` out, name a type that holds all, or accept the loss with `accept_loss: true` at the column",
    retry: "operator",
  },
  "DB-MAP-053": {
    meaning: "the target's database family has no type for a column",
    usualCause: "the values mean something only in the source's family, or in their own database",
    remedy: "Leave the column out, or give it a `type:` there",
    retry: "operator",
  },
  "DB-MAP-054": {
    meaning: "nothing is known of what the copy's type makes of a column's values",
    usualCause: "`type:` names a type of the target's family that is seldom used for such values",
    remedy: "Compare some values after the first load; what does not fit is refused and its row is set aside",
    retry: "operator",
  },
} as const satisfies Record<string, ErrorCodeEntry>;
