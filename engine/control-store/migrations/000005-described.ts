/** How tables were last described, where what describes them can go away: topics that retention has emptied. */
export const sql = `
CREATE TABLE dongbo_control.described (
  source text NOT NULL,
  source_table text NOT NULL,
  catalog json NOT NULL,
  PRIMARY KEY (source, source_table)
);
`;
