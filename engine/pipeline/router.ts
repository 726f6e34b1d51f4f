// From one stream to many lanes: keeps source transactions together and knows when it stands between two.
import type { ChangeMessage, TransactionCommit } from "../model/change-message.ts";
import type { Position } from "../model/position.ts";
import type { ChangeMapper, MapEmit } from "../ports/change-mapper.ts";
import type { LoadCoordinator } from "../snapshot/load-coordinator.ts";
import type { Lane } from "./lane.ts";

export class Router {
  readonly #mapper: ChangeMapper<Lane>;
  readonly #loads: LoadCoordinator;
  readonly #touched = new Set<Lane>();
  #transaction: { readonly id: string; readonly position: Position } | null = null;
  #reached: Position | null = null;
  #pending: (() => void)[] = [];

  /** Made once, and not for each change. */
  readonly #emit: MapEmit<Lane> = (lane, table, change) => {
    const transaction = this.#transaction;
    if (transaction === null) return;
    if (!this.#touched.has(lane)) {
      this.#touched.add(lane);
      lane.push({ tag: "begin", position: transaction.position });
    }
    lane.push({ tag: "change", table, change });
    this.#loads.observe(lane, table, transaction.id, change);
  };

  constructor(mapper: ChangeMapper<Lane>, loads: LoadCoordinator) {
    this.#mapper = mapper;
    this.#loads = loads;
  }

  /** Everything up to here was routed; null before the stream was opened, and when its place in the log was lost. */
  get reached(): Position | null {
    return this.#reached;
  }

  /** Stands between two source transactions. */
  get atRest(): boolean {
    return this.#transaction === null;
  }

  route(message: ChangeMessage): void {
    switch (message.tag) {
      case "begin":
        this.#transaction = { id: message.transactionId, position: message.position };
        this.#loads.brought(message.transactionId);
        break;
      case "commit":
        this.#commit(message);
        this.#atRest(message.position);
        break;
      case "progress":
        // Inside a transaction it would promise what has not been delivered.
        if (this.#transaction === null) this.#atRest(message.position);
        break;
      default:
        this.#mapper.map(message, this.#emit);
    }
  }

  #commit({ tag, position, committedAt, completeAt = committedAt }: TransactionCommit): void {
    for (const lane of this.#touched) lane.push({ tag, position, committedAt, completeAt });
  }

  /** Runs the action now, or as soon as the current source transaction ends. */
  atBoundary(action: () => void): Promise<void> {
    return new Promise((resolve) => {
      const run = (): void => {
        action();
        resolve();
      };
      if (this.#transaction === null) run();
      else this.#pending.push(run);
    });
  }

  /** What was reached says nothing any more: the source's log is another one. */
  forget(): void {
    this.#transaction = null;
    this.#touched.clear();
    this.#reached = null;
    this.#runPending();
  }

  /** The stream has ended: a transaction that was under way comes again, whole, and nobody needs to wait for its end. */
  interrupt(): void {
    this.#transaction = null;
    this.#touched.clear();
    this.#runPending();
  }

  /** The stream is opened again from here; a transaction that was under way comes again, whole. */
  restart(from: Position): void {
    this.#transaction = null;
    this.#touched.clear();
    this.#reached = from;
    this.#runPending();
  }

  #atRest(position: Position): void {
    this.#transaction = null;
    this.#touched.clear();
    this.#reached = position;
    this.#runPending();
  }

  #runPending(): void {
    const actions = this.#pending;
    this.#pending = [];
    for (const action of actions) action();
  }
}
