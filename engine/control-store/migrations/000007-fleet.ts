/** A fleet of workers: who is there, and who owns which source, or does a job, until when. Times are this server's. */
export const sql = `
CREATE TABLE dongbo_control.fleet (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  id text NOT NULL DEFAULT gen_random_uuid()::text
);
INSERT INTO dongbo_control.fleet DEFAULT VALUES;

CREATE TABLE dongbo_control.worker (
  id text PRIMARY KEY,
  pid integer NOT NULL,
  host text NOT NULL,
  version text NOT NULL,
  started_at timestamptz NOT NULL,
  draining boolean NOT NULL,
  heard_at timestamptz NOT NULL,
  live_until timestamptz NOT NULL
);

CREATE TABLE dongbo_control.lease (
  kind text NOT NULL CHECK (kind IN ('source', 'job')),
  name text NOT NULL,
  worker text,
  term bigint NOT NULL,
  since timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  PRIMARY KEY (kind, name)
);

-- Whether the process that leads, or works beside it, is a worker of a fleet: one engine alone and a fleet exclude each other.
ALTER TABLE dongbo_control.engine ADD COLUMN fleet boolean NOT NULL DEFAULT false;
ALTER TABLE dongbo_control.member ADD COLUMN fleet boolean NOT NULL DEFAULT false;
`;
