/** The first shape of the control schema. */
export const sql = `
CREATE TABLE dongbo_control.reservation (
  source text PRIMARY KEY,
  identity text,
  position text,
  recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE dongbo_control.lifecycle (
  subscription text PRIMARY KEY,
  suspended_reason text CHECK (suspended_reason IN ('maintenance', 'force_majeure', 'breach', 'security')),
  suspended_since timestamptz,
  parked_why text,
  parked_since timestamptz,
  CHECK ((suspended_reason IS NULL) = (suspended_since IS NULL)),
  CHECK ((parked_why IS NULL) = (parked_since IS NULL))
);

CREATE TABLE dongbo_control.work_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('resync', 'replay')),
  subscription text NOT NULL,
  target_table text,
  ordered_at timestamptz NOT NULL DEFAULT now(),
  ordered_by text NOT NULL,
  closed_at timestamptz,
  outcome text,
  CHECK ((closed_at IS NULL) = (outcome IS NULL))
);
-- The same order twice is one order while it waits.
CREATE UNIQUE INDEX work_order_pending ON dongbo_control.work_order (kind, subscription, target_table)
  NULLS NOT DISTINCT WHERE closed_at IS NULL;

CREATE TABLE dongbo_control.applied_configuration (
  version integer PRIMARY KEY CHECK (version > 0),
  applied_at timestamptz NOT NULL DEFAULT now(),
  applied_by text NOT NULL,
  document text NOT NULL,
  digest text NOT NULL
);

CREATE TABLE dongbo_control.event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  subscription text,
  kind text NOT NULL,
  detail text NOT NULL,
  actor text NOT NULL
);
CREATE INDEX event_of_subscription ON dongbo_control.event (subscription, id);

CREATE TABLE dongbo_control.engine (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  pid integer NOT NULL,
  host text NOT NULL,
  version text NOT NULL,
  started_at timestamptz NOT NULL
);

CREATE FUNCTION dongbo_control.changed() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  PERFORM pg_catalog.pg_notify('dongbo_control', '');
  RETURN NULL;
END $$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON dongbo_control.lifecycle
  FOR EACH STATEMENT EXECUTE FUNCTION dongbo_control.changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON dongbo_control.work_order
  FOR EACH STATEMENT EXECUTE FUNCTION dongbo_control.changed();
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON dongbo_control.applied_configuration
  FOR EACH STATEMENT EXECUTE FUNCTION dongbo_control.changed();

CREATE FUNCTION dongbo_control.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_RELID::pg_catalog.regclass USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dongbo_control.event
  FOR EACH STATEMENT EXECUTE FUNCTION dongbo_control.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON dongbo_control.applied_configuration
  FOR EACH STATEMENT EXECUTE FUNCTION dongbo_control.refuse_change();
`;
