/** Comparisons that were split, so that several workers may read one large copy: what each part came to. Keys of rows lie here until the whole has ended. */
export const sql = `
CREATE TABLE dongbo_control.reconcile_part (
  subscription text NOT NULL,
  target_table text NOT NULL,
  part integer NOT NULL CHECK (part > 0),
  -- Names one splitting: who works on a part of an earlier one writes nothing.
  split text NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed')),
  progress json NOT NULL,
  PRIMARY KEY (subscription, target_table, part)
);
`;
