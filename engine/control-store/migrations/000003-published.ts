/** What was published of each source table when a subscription's copy of it was loaded. */
export const sql = `
CREATE TABLE dongbo_control.published (
  subscription text NOT NULL,
  source_table text NOT NULL,
  version text NOT NULL,
  PRIMARY KEY (subscription, source_table)
);
`;
