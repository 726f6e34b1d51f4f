// The master as one process sees it through its change log: a ChangeSource over a slot, as a PostgreSQL server offers it.
import type { ChangeMessage } from "../../engine/model/change-message.ts";
import type { ErrorCode } from "../../engine/model/error-codes.ts";
import type { Position } from "../../engine/model/position.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { ChangeSource, ChangeStream, EndOfLog, SourceReservation } from "../../engine/ports/change-source.ts";
import type { Random } from "../workload/random.ts";
import type { Line } from "./line.ts";
import type { Machine } from "./machine.ts";
import { logOrder, type Master, type MasterTransaction, type Slot, toPosition } from "./master.ts";

/** How often a wait looks. */
const lookMs = 3;

/** How soon an acknowledgement is told, milliseconds. */
const tickMs = 250;
/** The server gives up a client that says nothing for so long, milliseconds. */
const serverPatienceMs = 60_000;
/** Messages that are sent at once. */
const batchMax = 12;

export interface SourceParts {
  readonly master: Master;
  readonly machine: Machine;
  readonly line: Line;
  readonly random: Random;
  readonly after: (ms: number, happen: () => void) => void;
  /** The process says that the master may forget everything up to there. */
  readonly acknowledging: (position: number) => void;
}

export class SimulatedSource implements ChangeSource {
  readonly positions = logOrder;
  readonly transactional = true;
  readonly reserves = true;
  readonly carriesRows = false;
  readonly #parts: SourceParts;
  /** The server that this process knows. */
  #identity: string | null = null;
  #stream: SimulatedStream | null = null;

  constructor(parts: SourceParts) {
    this.#parts = parts;
  }

  /** The one that was opened last. */
  get stream(): SimulatedStream | null {
    return this.#stream;
  }

  async open(from: Position, signal: AbortSignal): Promise<ChangeStream> {
    let opened: SimulatedStream | null = null;
    const open = (): SimulatedStream => {
      const { master } = this.#parts;
      this.#verifyServer();
      const slot = usableSlot(master);
      const wanted = Number(from);
      if (slot.confirmed > wanted) throw failure("DB-SLOT-005", `it starts at ${slot.confirmed}, after ${wanted}`);
      if (wanted > master.end) throw failure("DB-SLOT-004", `${from} lies beyond the end of the log`);
      if (slot.active !== null) throw failure("DB-SLOT-003");
      this.#identity = master.identity;
      opened = new SimulatedStream(this.#parts, slot, wanted);
      // From now on it can break: a server that is set back ends connections also when nobody was told that they are open.
      this.#stream = opened;
      return opened;
    };
    const stream = await this.#parts.line.ask("open", open).catch((error: unknown) => {
      opened?.orphaned();
      throw error;
    });
    stream.endWith(signal);
    return stream;
  }

  /** A real server waits, before it has made a slot, for all that ran before it to be seen. */
  async reserve(): Promise<Position> {
    const { line, master, machine } = this.#parts;
    const position = await line.ask("reserve", () => {
      this.#identity = master.identity;
      master.slot ??= { confirmed: master.end, invalidated: false, active: null };
      return usableSlot(master).confirmed;
    });
    while ([...master.hidden].some(({ begin }) => begin <= position)) await machine.clock.sleep(lookMs);
    return toPosition(position);
  }

  reservation(): Promise<SourceReservation | null> {
    return this.#parts.line.ask("reservation", () => {
      const { master } = this.#parts;
      this.#verifyServer();
      if (master.slot === null) return null;
      const { confirmed, active } = usableSlot(master);
      this.#identity = master.identity;
      const { identity, end } = master;
      return { position: toPosition(confirmed), identity, retainedBytes: end - confirmed, inUse: active !== null, keptSince: null };
    });
  }

  identity(): Promise<string> {
    return this.#parts.line.ask("identity", () => this.#parts.master.identity);
  }

  release(): Promise<void> {
    return this.#parts.line.ask("release", () => {
      const { master } = this.#parts;
      if (master.slot === null) return;
      if (master.slot.active !== null) throw failure("DB-SLOT-003");
      master.slot = null;
    });
  }

  endOfLog(): Promise<EndOfLog> {
    return this.#parts.line.ask("end of log", () => {
      const { master } = this.#parts;
      return { position: toPosition(master.end), at: master.now, visibility: master.visibility() };
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #verifyServer(): void {
    const { identity } = this.#parts.master;
    if (this.#identity !== null && this.#identity !== identity) throw failure("DB-SLOT-004", `it was ${this.#identity} and is ${identity}`);
  }
}

function usableSlot(master: Master): Slot {
  if (master.slot === null) throw failure("DB-SLOT-001");
  if (master.slot.invalidated) throw failure("DB-SLOT-002");
  return master.slot;
}

function failure(code: ErrorCode, cause?: string): ReplicationError {
  return new ReplicationError(code, { subject: "master", ...(cause === undefined ? {} : { cause }) });
}

/**
 * One connection. The server sends what is in the log while the process takes it, in pieces that may end anywhere; what the process
 * acknowledges is told within a second, and with the orderly end.
 */
export class SimulatedStream implements ChangeStream {
  readonly #parts: SourceParts;
  readonly #slot: Slot;
  /** Sent up to here; of the transaction after that so many messages. */
  #sent: number;
  #sentMessages = 0;
  #acknowledged = 0;
  #told = 0;
  #progressWanted = false;
  #waiting: { resolve: (batch: readonly ChangeMessage[] | null) => void; reject: (error: Error) => void } | null = null;
  #failure: ReplicationError | null = null;
  #closing: Promise<void> | null = null;
  /** The server's side is still there. */
  #connected = true;
  #heardAt = 0;
  #sending = false;
  #listening = false;
  #unlink: () => void = () => {};

  constructor(parts: SourceParts, slot: Slot, from: number) {
    this.#parts = parts;
    this.#slot = slot;
    this.#sent = Math.max(from, slot.confirmed);
    slot.active = this;
    this.#heardAt = parts.machine.clock.monotonicMs();
    this.#tick();
    parts.machine.onDeath(() => {
      // A process that is killed closes its socket; a machine that is gone does not.
      parts.after(parts.random.chance(0.8) ? 5 : serverPatienceMs, () => this.#disconnect());
    });
    this.#watchClient();
  }

  acknowledge(position: Position): void {
    this.#parts.acknowledging(Number(position));
    this.#acknowledged = Math.max(this.#acknowledged, Number(position));
  }

  requestProgress(): void {
    if (this.#closing !== null) return;
    this.#parts.after(this.#parts.line.delayMs, () => {
      this.#progressWanted = true;
      this.#send();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** The connection breaks; neither side may hear of it at once. */
  break(code: ErrorCode): void {
    this.#disconnect();
    this.#parts.machine.after(this.#parts.line.delayMs, () => this.#fail(failure(code)));
  }

  /** Its process never heard of it; the server notices that nobody is there. */
  orphaned(): void {
    this.#closing = Promise.resolve();
    this.#parts.after(this.#parts.random.chance(0.7) ? 10 : serverPatienceMs, () => this.#disconnect());
  }

  endWith(signal: AbortSignal): void {
    this.#unlink = () => signal.removeEventListener("abort", end);
    const end = (): void => void this.close();
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<readonly ChangeMessage[]> {
    try {
      for (let batch = await this.#next(); batch !== null; batch = await this.#next()) yield batch;
    } finally {
      await this.close();
    }
  }

  #next(): Promise<readonly ChangeMessage[] | null> {
    return new Promise((resolve, reject) => {
      if (this.#closing !== null) resolve(null);
      else if (this.#failure !== null) reject(this.#failure);
      else {
        this.#waiting = { resolve, reject };
        this.#send();
      }
    });
  }

  /** Sends what there is to somebody who waits for it. */
  #send(): void {
    if (this.#waiting === null || this.#sending || !this.#connected || this.#parts.line.away) return;
    const batch = this.#batch();
    if (batch.length === 0) {
      this.#listen();
      return;
    }
    this.#sending = true;
    this.#parts.machine.after(this.#parts.line.delayMs, () => {
      this.#sending = false;
      const waiting = this.#waiting;
      this.#waiting = null;
      waiting?.resolve(batch);
    });
  }

  #listen(): void {
    if (this.#listening) return;
    this.#listening = true;
    this.#parts.master.onNews.push(() => {
      this.#listening = false;
      this.#send();
    });
  }

  #batch(): ChangeMessage[] {
    const { master, random } = this.#parts;
    const messages: ChangeMessage[] = [];
    const size = random.between(1, batchMax);
    for (let next = this.#following(); next !== null && messages.length < size; next = this.#following()) {
      const all = master.messages(next);
      const part = all.slice(this.#sentMessages, this.#sentMessages + size - messages.length);
      messages.push(...part);
      this.#sentMessages += part.length;
      if (this.#sentMessages < all.length) break;
      this.#sentMessages = 0;
      this.#sent = next.end;
    }
    if (this.#progressWanted && this.#sentMessages === 0) {
      if (this.#following() === null) this.#sent = Math.max(this.#sent, master.end);
      this.#progressWanted = false;
      messages.push({ tag: "progress", position: toPosition(this.#sent) });
    }
    return messages;
  }

  /** The first transaction that was not sent whole. */
  #following(): MasterTransaction | null {
    const { log } = this.#parts.master;
    let [low, high] = [0, log.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((log[middle] as MasterTransaction).end <= this.#sent) low = middle + 1;
      else high = middle;
    }
    return log[low] ?? null;
  }

  #tick(): void {
    this.#parts.machine.after(tickMs * (1 + 2 * this.#parts.random.fraction()), () => {
      if (this.#closing !== null || this.#failure !== null) return;
      this.#heardAt = this.#parts.machine.clock.monotonicMs();
      if (this.#acknowledged > this.#told) this.#tell();
      this.#tick();
    });
  }

  #tell(): void {
    this.#told = this.#acknowledged;
    const acknowledged = this.#acknowledged;
    this.#parts.after(this.#parts.line.delayMs, () => {
      if (this.#connected && !this.#parts.line.away && this.#parts.master.slot === this.#slot) this.#parts.master.forget(acknowledged);
    });
  }

  #watchClient(): void {
    this.#parts.after(serverPatienceMs / 4, () => {
      if (!this.#connected) return;
      if (this.#parts.machine.clock.monotonicMs() - this.#heardAt > serverPatienceMs) this.break("DB-PG-009");
      else this.#watchClient();
    });
  }

  async #close(): Promise<void> {
    this.#unlink();
    this.#waiting?.resolve(null);
    this.#waiting = null;
    if (!this.#connected || this.#failure !== null) return;
    this.#tell();
    await new Promise<void>((resolve) => {
      this.#parts.after(this.#parts.line.delayMs * 2, () => {
        this.#disconnect();
        this.#parts.machine.after(0, resolve);
      });
    });
  }

  #fail(error: ReplicationError): void {
    if (this.#closing !== null) return;
    this.#failure ??= error;
    this.#waiting?.reject(this.#failure);
    this.#waiting = null;
  }

  #disconnect(): void {
    this.#connected = false;
    if (this.#slot.active === this) this.#slot.active = null;
  }
}
