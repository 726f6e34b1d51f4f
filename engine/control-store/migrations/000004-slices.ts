/** Sources that several processes share: who they are, and which slices have carried an order out. */
export const sql = `
CREATE TABLE dongbo_control.member (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  pid integer NOT NULL,
  host text NOT NULL,
  version text NOT NULL,
  started_at timestamptz NOT NULL,
  slices json NOT NULL DEFAULT '[]',
  problems json NOT NULL DEFAULT '[]'
);

CREATE TABLE dongbo_control.order_slice (
  work_order bigint NOT NULL REFERENCES dongbo_control.work_order,
  slice integer NOT NULL,
  slices integer NOT NULL,
  PRIMARY KEY (work_order, slices, slice)
);
`;
