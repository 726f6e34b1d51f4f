/**
 * Comparisons of copies with their master: the chain of what they came to, what is to be repaired, what the provider was told. The
 * newest run's hash is kept apart from the runs, so that one that was cut off is missed. Keys of rows lie here only until a repair
 * is carried out or dropped.
 */
export const sql = `
CREATE TABLE dongbo_control.reconcile_run (
  id bigint PRIMARY KEY CHECK (id > 0),
  subscription text NOT NULL,
  record text NOT NULL,
  previous_hash text NOT NULL,
  hash text NOT NULL
);
CREATE INDEX reconcile_run_of_subscription ON dongbo_control.reconcile_run (subscription, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dongbo_control.reconcile_run
  FOR EACH STATEMENT EXECUTE FUNCTION dongbo_control.refuse_change();

CREATE TABLE dongbo_control.reconcile_head (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  id bigint NOT NULL,
  hash text NOT NULL
);
INSERT INTO dongbo_control.reconcile_head (id, hash) VALUES (0, repeat('0', 64));

ALTER TABLE dongbo_control.work_order
  DROP CONSTRAINT work_order_kind_check,
  ADD CONSTRAINT work_order_kind_check CHECK (kind IN ('resync', 'replay', 'repair')),
  ADD COLUMN keys json,
  ADD COLUMN keys_digest text,
  ADD COLUMN run bigint REFERENCES dongbo_control.reconcile_run,
  ADD CONSTRAINT work_order_keys_check CHECK ((kind = 'repair') = (keys_digest IS NOT NULL) AND (keys IS NULL OR kind = 'repair'));
-- Repairs of other rows are other orders.
DROP INDEX dongbo_control.work_order_pending;
CREATE UNIQUE INDEX work_order_pending ON dongbo_control.work_order (kind, subscription, target_table, keys_digest)
  NULLS NOT DISTINCT WHERE closed_at IS NULL;

CREATE TABLE dongbo_control.repair_plan (
  run bigint PRIMARY KEY REFERENCES dongbo_control.reconcile_run,
  subscription text NOT NULL,
  target_table text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'carried out', 'dropped')),
  breaker text,
  row_count bigint NOT NULL,
  keys json,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  decided_by text,
  work_order bigint REFERENCES dongbo_control.work_order,
  CHECK ((keys IS NULL) = (state IN ('carried out', 'dropped'))),
  CHECK (state <> 'approved' OR work_order IS NOT NULL)
);
CREATE INDEX repair_plan_order ON dongbo_control.repair_plan (work_order);

CREATE TABLE dongbo_control.error_notice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run bigint NOT NULL REFERENCES dongbo_control.reconcile_run,
  subscription text NOT NULL,
  source_table text NOT NULL,
  class text NOT NULL CHECK (class IN ('missing', 'extra', 'different', 'duplicate')),
  row_count bigint NOT NULL,
  cause text NOT NULL,
  key_digests json NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT now(),
  noted_by text NOT NULL,
  answer text,
  answered_at timestamptz,
  answered_by text,
  CHECK ((answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL))
);

CREATE TABLE dongbo_control.reconcile_progress (
  subscription text NOT NULL,
  target_table text NOT NULL,
  progress json NOT NULL,
  PRIMARY KEY (subscription, target_table)
);
`;
