import type pg from "pg";
import { errorCodes } from "../model/error-codes.ts";
import { ReplicationError } from "../model/replication-error.ts";

/** Opens a session on the control database; `role` becomes part of its application_name. */
export type OpenControlSession = (role: string) => Promise<pg.Client>;

type Row = Record<string, string | null>;

/**
 * One session on the control database, used by one statement or transaction at a time and opened again after it broke.
 * Failures become DB-CTL-001 (may pass by itself) or DB-CTL-008 (somebody must act).
 */
export class ControlSession {
  readonly #open: OpenControlSession;
  readonly #role: string;
  #client: pg.Client | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(open: OpenControlSession, role: string) {
    this.#open = open;
    this.#role = role;
  }

  /** Runs one statement; rows hold text. */
  async query(sql: string, parameters: readonly (string | number | null)[] = []): Promise<Row[]> {
    return this.exclusively(async (client) => (await client.query<Row>(sql, [...parameters])).rows);
  }

  /** Runs several statements as one transaction. */
  async transaction<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    return this.exclusively(async (client) => {
      await client.query("BEGIN");
      try {
        const result = await work(client);
        await client.query("COMMIT");
        return result;
      } catch (error) {
        await client.query("ROLLBACK").catch(() => {});
        throw error;
      }
    });
  }

  /** The session itself, to listen on; opened when needed. */
  async client(): Promise<pg.Client> {
    return this.exclusively((client) => Promise.resolve(client));
  }

  /** True until it breaks. */
  get alive(): boolean {
    return this.#client !== null;
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  /** Runs `work` alone on the session. */
  async exclusively<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const run = this.#last.then(async () => {
      try {
        return await work(await this.#connected());
      } catch (error) {
        // No answer at all: the connection may be half open, and whoever asks next would wait in vain too.
        if (isSilence(error)) this.#discard();
        throw toControlError(error);
      }
    });
    this.#last = run.catch(() => {});
    return run;
  }

  #discard(): void {
    const client = this.#client;
    this.#client = null;
    client?.end().catch(() => {});
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client !== null) return this.#client;
    const client = await this.#open(this.#role);
    const forget = (): void => {
      if (this.#client === client) this.#client = null;
    };
    client.on("error", forget);
    client.on("end", forget);
    this.#client = client;
    return client;
  }
}

/** The driver's own word for an answer that did not come in time. */
function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

/** Codes that say all there is to say to whoever needs the control database. */
const ownAreas = ["DB-CTL-", "DB-RUN-", "DB-REC-"];

/** Keeps the cause; adds what kind of failure it is for whoever needs the control database. */
function toControlError(error: unknown): ReplicationError {
  const subject = "control database";
  if (error instanceof ReplicationError) {
    if (ownAreas.some((area) => error.code.startsWith(area))) return error;
    const code = errorCodes[error.code].retry === "timed" ? "DB-CTL-001" : "DB-CTL-008";
    const facts = { subject: `${subject} ${error.subject}`, cause: `${error.explanation} (${error.code})` };
    return new ReplicationError(code, code === "DB-CTL-001" ? facts : { ...facts, remedy: error.remedy }, { cause: error });
  }
  const { code: state, message } = error as { code?: string; message?: string };
  if (state === undefined || !/^[0-9A-Z]{5}$/.test(state)) return new ReplicationError("DB-CTL-001", { subject }, { cause: error });
  // Connection trouble and operator intervention (a restart) pass; the rest does not mend itself.
  const passes = /^(08|57P|53|40)/.test(state);
  const cause = `${message ?? "the statement failed"} (SQLSTATE ${state})`;
  return new ReplicationError(passes ? "DB-CTL-001" : "DB-CTL-008", { subject, cause }, { cause: error });
}
