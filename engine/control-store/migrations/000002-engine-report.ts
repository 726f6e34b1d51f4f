/** What the engine tells of its work. */
export const sql = `
CREATE TABLE dongbo_control.engine_report (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  problems json NOT NULL
);
`;
