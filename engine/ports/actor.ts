/** Who gave a command, for the record: `user@machine`; `engine` for what it does by itself. */
export type Actor = string;
