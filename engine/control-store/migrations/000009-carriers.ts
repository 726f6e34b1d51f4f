/** By which source, and which of its slots, a subscription's copies are streamed: its checkpoint is a place in what that slot keeps. */
export const sql = `
CREATE TABLE dongbo_control.carrier (
  subscription text PRIMARY KEY,
  source text NOT NULL,
  slot text NOT NULL
);
`;
