// Looks at every copy as its readers do, all the time and through every fault: what a copy shows must be its master after one of its commits.
import { withCopy } from "../checker/copy-session.ts";
import { PrefixChecker, type WatchedCopy } from "../checker/prefix-checker.ts";
import type { MasterModel } from "../checker/master-model.ts";
import { isConnectionLost } from "../support/connection-lost.ts";
import { pause, waitUntil } from "../support/wait-until.ts";

const lookEveryMs = 1_500;
/** Before another attempt at a server that is away. */
const awayMs = 300;
/** A copy may show a commit whose writer learns of it only when its killed master is there again. */
const patienceMs = 120_000;

/** One copy under watch. */
class Watched {
  readonly checker: PrefixChecker;
  readonly source: string;
  /** Looks that a server's absence cut short. */
  away = 0;
  /** The newest transaction at which all of its tables could be read. */
  whole = 0;
  lookedMs = performance.now();

  constructor(copy: WatchedCopy, source: string, model: MasterModel) {
    this.checker = new PrefixChecker(copy, model, patienceMs);
    this.source = source;
  }

  async watch(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#watchOnce(signal);
      } catch (error) {
        if (!isConnectionLost(error)) throw error;
        this.away++;
        await pause(awayMs);
      }
    }
  }

  /** On one session, as long as it lasts. */
  async #watchOnce(signal: AbortSignal): Promise<void> {
    await withCopy(this.checker.copy.url, async (session) => {
      while (!signal.aborted) {
        const look = await this.checker.look(session);
        if (look.kind === "prefix" && look.refusedTables.length === 0) this.whole = look.sequence;
        this.lookedMs = performance.now();
        await pause(lookEveryMs);
      }
    });
  }
}

/** How often one copy was looked at, and what that gave. */
export interface CopyLooks {
  readonly copy: string;
  readonly looks: number;
  readonly prefix: number;
  readonly commits: number;
  readonly refused: number;
  readonly absent: number;
  readonly away: number;
  readonly violations: readonly string[];
}

/** By source, the number of a transaction. */
export type Heads = ReadonlyMap<string, number>;

export class Watch {
  readonly #copies: readonly Watched[];
  readonly #models: ReadonlyMap<string, MasterModel>;

  constructor(copies: readonly { readonly copy: WatchedCopy; readonly source: string }[], models: ReadonlyMap<string, MasterModel>) {
    this.#models = models;
    this.#copies = copies.map(({ copy, source }) => {
      const model = models.get(source);
      if (model === undefined) throw new Error(`${source} has no model`);
      return new Watched(copy, source, model);
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#copies.map((copy) => copy.watch(signal)));
  }

  /** What is committed at each master now. */
  heads(): Heads {
    return new Map([...this.#models].map(([source, { head }]) => [source, head]));
  }

  /** Waits until every copy can be read and shows at least that; throws at the deadline with those that do not. */
  async shows(heads: Heads, deadlineMs: number): Promise<void> {
    const behind = () => this.#copies.filter(({ source, whole }) => whole < (heads.get(source) ?? 0));
    await waitUntil(() => behind().length === 0, {
      describe: "every copy to show what its master has",
      deadlineMs,
      everyMs: 50,
      detail: () =>
        behind()
          .map((copy) => describeBehind(copy, heads))
          .join("\n"),
    });
  }

  looks(): CopyLooks[] {
    return this.#copies.map(({ checker, away }) => {
      const { total, prefix, refused, absent } = checker.looks;
      const { violations, sequences, copy } = checker;
      return { copy: copy.name, looks: total, prefix, commits: sequences.size, refused, absent, away, violations };
    });
  }
}

function describeBehind({ checker, source, whole, lookedMs }: Watched, heads: Heads): string {
  const ago = Math.round((performance.now() - lookedMs) / 100) / 10;
  return `${checker.copy.name} was whole at ${whole}, ${source} is at ${heads.get(source)}; looked at ${ago} s ago; ${checker.summary()}`;
}
