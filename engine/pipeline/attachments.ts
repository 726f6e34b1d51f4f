// Which subscriptions are in the stream of one source, how each came in, and which loads are owed to it.
import type { Micros } from "../model/change-message.ts";
import type { Position } from "../model/position.ts";
import { ReplicationError } from "../model/replication-error.ts";
import type { SourceReservation } from "../ports/change-source.ts";
import type { Objection, TargetState } from "../ports/change-target.ts";
import type { LoadCoordinator } from "../snapshot/load-coordinator.ts";
import type { Acknowledger } from "./acknowledger.ts";
import { Admission, otherServer, verifyEnd, verifyPlace } from "./admission.ts";
import type { LaneProgress } from "./batch.ts";
import type { Lane } from "./lane.ts";
import type { LaneAdmission } from "./lane-parts.ts";
import { type Entry, mappingOf, type Owed, OwedLoads } from "./owed-loads.ts";
import type { Router } from "./router.ts";
import type { SourceParts } from "./source-parts.ts";

/** What the source has of its log. */
interface LogEnds {
  /** Streaming can start here or later. */
  readonly reserved: Position;
  readonly end: Position;
}

interface Seat {
  entry: Entry;
  /** Loads that must begin and whose beginning is not durable yet. */
  readonly owed: Map<number, Owed>;
  /** Admitted or refused at least once. */
  heard: boolean;
  /** It started anew and its target does not know of that yet. */
  fresh: boolean;
  sourceTime: Micros;
  /** How often the source had confirmed something when a table was last loaded again for having expired, by index. */
  readonly reloadedAt: Map<number, number>;
}

const settledEntry: Entry = { renew: false, reload: new Set() };
const renewed: Entry = { renew: true, reload: new Set() };

export class Attachments {
  readonly #parts: SourceParts;
  readonly #router: Router;
  readonly #loads: LoadCoordinator;
  readonly #acknowledger: Acknowledger<Lane>;
  readonly #admission: Admission;
  readonly #owedLoads: OwedLoads;
  readonly #reopen: () => void;
  readonly #streaming: () => boolean;
  readonly #forgetLog: () => void;
  readonly #seats = new Map<Lane, Seat>();
  readonly #parked = new Set<Lane>();
  /** Whose log it is that the stream has been in, as far as anybody was told. */
  #identity: string | null = null;

  constructor(
    parts: SourceParts,
    around: {
      router: Router;
      loads: LoadCoordinator;
      acknowledger: Acknowledger<Lane>;
      reopen: () => void;
      streaming: () => boolean;
      /** Nothing that is remembered of the source's log is true any more. */
      forgetLog: () => void;
    },
  ) {
    this.#parts = parts;
    this.#router = around.router;
    this.#loads = around.loads;
    this.#owedLoads = new OwedLoads(parts, around.loads);
    this.#acknowledger = around.acknowledger;
    this.#reopen = around.reopen;
    this.#streaming = around.streaming;
    this.#forgetLog = around.forgetLog;
    this.#admission = new Admission({ source: parts.source, sourceName: parts.name, control: parts.control });
  }

  get lanes(): Lane[] {
    return [...this.#seats.keys()];
  }

  /** Every subscription was admitted or refused at least once. */
  get settled(): boolean {
    return [...this.#seats.values()].every((seat) => seat.heard);
  }

  /** No subscription is about to begin a load: a scan that starts now has all who can share it. */
  get gathered(): boolean {
    return this.settled && [...this.#seats].every(([lane, seat]) => seat.owed.size === 0 || !lane.live);
  }

  isParked(lane: Lane): boolean {
    return this.#parked.has(lane);
  }

  /** A load must begin, or its beginning is not durable yet. */
  owes(lane: Lane): boolean {
    return this.#seats.get(lane)?.owed.size !== 0;
  }

  /** No load is owed to the subscription and none is under way. */
  isLoaded(lane: Lane): boolean {
    return !this.owes(lane) && lane.progress?.loads.size === 0;
  }

  add(lane: Lane, entry: Entry, parked: boolean): void {
    this.#seats.set(lane, { entry, owed: new Map(), heard: false, fresh: false, sourceTime: 0, reloadedAt: new Map() });
    if (parked) this.#parked.add(lane);
    // Its position is not known yet, so nothing may be forgotten. Also if it starts anew: another engine may have done that meanwhile.
    if (!parked) this.#acknowledger.attach(lane, null);
  }

  /** `successor`: takes its place and will go on where it was, so the source goes on waiting. */
  remove(lane: Lane, successor: Lane | null = null): void {
    if (successor !== null && this.#acknowledger.isAttached(lane)) this.#acknowledger.attach(successor, null);
    this.detach(lane);
    this.#seats.delete(lane);
    this.#parked.delete(lane);
  }

  /** The source no longer waits for the subscription and nothing more is routed to it. */
  detach(lane: Lane): void {
    this.#acknowledger.detach(lane);
    this.#parts.mapper.remove(lane);
    this.#loads.remove(lane);
  }

  /** Another engine goes on with the subscription, from what the source keeps: as far as we know, nothing more may be forgotten. */
  overtaken(lane: Lane): void {
    this.detach(lane);
    this.#acknowledger.attach(lane, null);
  }

  /** What its target has lost is still to be had, if the source was not told that it may forget it. */
  setBack(lane: Lane): void {
    if (this.#acknowledger.isAttached(lane)) this.#acknowledger.attach(lane, null);
  }

  /** Throws DB-SLOT-004 when the server that answers is not the one whose log the subscriptions are in. */
  async verifyServer(): Promise<void> {
    const known = this.#identity;
    const found = await this.#parts.source.identity();
    if (known !== null && found !== known) throw otherServer(this.#parts.name, known, found);
  }

  /** Lets go of a subscription that would make the source keep too much; it starts anew when it comes back. */
  async park(lane: Lane, why: string): Promise<void> {
    // Noted durably before the source may forget what the subscription has not got.
    await this.#parts.control.park(lane.subscription.id, why);
    this.#parked.add(lane);
    const seat = this.#seats.get(lane);
    if (seat !== undefined) seat.entry = renewed;
    this.detach(lane);
    lane.park();
    this.#parts.logger.warn("subscription parked", { subscription: lane.subscription.id, why });
  }

  /** The source failed: ask it anew what it keeps for us. */
  forgetReservation(): void {
    this.#admission.forget();
  }

  /**
   * A table that is to be read anew need not go on from the rows it has; and since nothing is streamed to it until that begins,
   * nobody may read them from now on.
   */
  objection(lane: Lane): Objection {
    const seat = this.#seats.get(lane);
    const entry = seat?.entry ?? settledEntry;
    // Its target may have forgotten, before the load began there, that it was told so: what is owed still is.
    const isLeftOut = (index: number): boolean => seat?.fresh === true || (seat?.owed.get(index)?.notBefore ?? null) !== null;
    return (table, contract) => {
      const index = lane.subscription.tables.findIndex((followed) => followed === table);
      if (index >= 0 && (entry.renew || entry.reload.has(index) || isLeftOut(index))) return contract === null ? null : "withdrawn";
      return this.#parts.objection(table, contract) ?? (this.#owedLoads.withdraws(table, contract) ? "withdrawn" : null);
    };
  }

  /**
   * What the source keeps for us is in doubt: each subscription but the one that `asks` already asks for its place anew, and only those
   * that lost it stop.
   */
  readmit(asks: Lane | null = null): void {
    for (const [lane, seat] of this.#seats) {
      if (lane === asks || !this.#acknowledger.isAttached(lane)) continue;
      this.detach(lane);
      seat.heard = false;
      if (seat.fresh) seat.entry = renewed;
      this.#acknowledger.attach(lane, null);
      lane.readmit();
    }
  }

  /** Gives a prepared subscription its place in the stream. Throws when it has none. */
  async admit(lane: Lane, stored: TargetState, confirmedAt: () => Promise<Micros>): Promise<LaneAdmission> {
    const seat = this.#seats.get(lane);
    if (seat === undefined) throw new ReplicationError("DB-RUN-001", { subject: lane.subscription.id });
    const { checkpoint } = stored;
    // It was admitted anew before, and its target was lost again before that became durable there.
    if (seat.fresh || this.#owedLoads.readsLogAgain(seat.entry, stored)) seat.entry = renewed;
    const fresh = seat.entry.renew || checkpoint.position === null;
    // Nothing more is forgotten while its place is looked for.
    if (!fresh) this.#acknowledger.attach(lane, null);
    try {
      const reservation = await this.#admission.reservation(seat.entry.renew, checkpoint.position !== null && seat.entry.moved !== true);
      this.#noteIdentity(lane, reservation);
      const stay = fresh ? null : verifyPlace(lane.subscription.id, checkpoint, this.#asTold(reservation), this.#parts.source.positions);
      // Who goes on from a checkpoint has yet to get what was confirmed to others; its target knows how far its clock was (VL-07).
      const sourceTime = stay === null ? await confirmedAt() : 0;
      seat.sourceTime = sourceTime;
      const { position: end } = await this.#parts.source.endOfLog();
      if (stay !== null && !this.#parts.source.reserves) verifyEnd(lane.subscription.id, stay, end, this.#parts.source.positions);
      for (const copy of stored.copies) {
        const owed = await this.#owedLoads.plan(lane, seat.entry, copy, end);
        if (owed !== null) seat.owed.set(lane.subscription.tables.indexOf(copy.table), owed);
      }
      const position = await this.#enter(lane, seat, stay, { reserved: reservation.position, end });
      seat.entry = settledEntry;
      seat.fresh = fresh;
      const startedOver = this.#owedLoads.startedOver(lane, seat.owed, stored);
      return { position, sourceTime, sourceIdentity: reservation.identity, fresh, startedOver };
    } catch (error) {
      // Who is refused does not make the source keep its log; who starts anew is not refused, whatever is in its way.
      if (!seat.entry.renew && error instanceof ReplicationError && error.code.startsWith("DB-SLOT-")) this.detach(lane);
      throw error;
    } finally {
      seat.heard = true;
    }
  }

  /**
   * Loads these tables again, for they have expired, while the rest streams on. `confirmations`: how often the source has confirmed
   * something so far. Where its clock is behind the target's by more than the period, a copy has expired as soon as it is loaded; two
   * whose loads let each other expire with every commit would be read without end, and as fast as that goes.
   */
  async reload(lane: Lane, tables: readonly number[], confirmations: number): Promise<void> {
    const seat = this.#seats.get(lane);
    const due = tables.filter((table) => seat?.reloadedAt.get(table) !== confirmations);
    if (seat === undefined || due.length === 0) return;
    if (this.#parts.source.carriesRows) {
      for (const table of due) seat.reloadedAt.set(table, confirmations);
      this.#renew(lane, seat);
      return;
    }
    for (const table of due) {
      if (seat.owed.has(table) || lane.progress?.loads.has(table) === true) continue;
      seat.owed.set(table, await this.#owedLoads.whole(lane, table, true, null));
      seat.reloadedAt.set(table, confirmations);
    }
    await this.#router.atBoundary(() => {
      this.#sendOwed(lane, seat);
    });
  }

  /** The beginning of these loads is durable: rows may be read for them. */
  begun(lane: Lane, progress: LaneProgress, tables: ReadonlySet<number>): void {
    const seat = this.#seats.get(lane);
    if (seat === undefined || tables.size === 0) return;
    for (const table of tables) {
      seat.owed.delete(table);
      this.#parts.mapper.setActive(lane, table, true);
    }
    if (seat.owed.size === 0) seat.fresh = false;
    this.#feed(lane, seat, progress, tables);
    if (this.#parked.delete(lane)) {
      this.#parts.control.unpark(lane.subscription.id).catch(() => this.#parked.add(lane));
    }
  }

  /** Loads that an earlier process began go on. */
  attached(lane: Lane, progress: LaneProgress): void {
    const seat = this.#seats.get(lane);
    if (seat !== undefined) this.#feed(lane, seat, progress, progress.loads.keys());
  }

  /** The stream has come further and stands between two transactions: loads that waited for that begin. */
  advance(): void {
    for (const [lane, seat] of this.#seats) if (seat.owed.size > 0) this.#sendOwed(lane, seat);
  }

  /** Everybody starts again from what is durable; loads from what of them is durable. */
  rewind(): void {
    this.#loads.reset();
    for (const [lane, seat] of this.#seats) {
      lane.reset();
      this.#holdOwed(lane, seat);
      this.#sendOwed(lane, seat);
      if (lane.progress !== null) this.#feed(lane, seat, lane.progress, lane.progress.loads.keys());
    }
  }

  /**
   * Another server than before, on which the subscription starts anew by order: no stream finds that out, since what is reserved there
   * is ours. All others are asked whether they can go on there.
   */
  #noteIdentity(lane: Lane, { identity }: SourceReservation): void {
    const isAnother = this.#identity !== null && this.#identity !== identity;
    this.#identity = identity;
    if (!isAnother) return;
    this.readmit(lane);
    this.#forgetLog();
    if (this.#streaming()) this.#reopen();
  }

  /** The reservation as it is since we have told the source what it may forget. */
  #asTold(reservation: SourceReservation): SourceReservation {
    const { acknowledged } = this.#acknowledger;
    if (acknowledged === null) return reservation;
    return { ...reservation, position: this.#parts.source.positions.join(reservation.position, acknowledged) };
  }

  #feed(lane: Lane, seat: Seat, durable: LaneProgress, tables: Iterable<number>): void {
    for (const table of tables) {
      const progress = durable.loads.get(table);
      if (progress !== undefined && !seat.owed.has(table)) this.#loads.add({ lane, table, mapping: mappingOf(lane, table), progress });
    }
  }

  /** Lets the subscription start anew, at once. */
  #renew(lane: Lane, seat: Seat): void {
    seat.entry = renewed;
    this.detach(lane);
    lane.readmit();
  }

  /**
   * Where who starts anew enters the stream. What lies before the end of the log is left to its loads; a source that keeps its
   * log by a rule of its own need not be read there, and may hold there what cannot be read at all. Unless the log is the load.
   */
  #entrance({ reserved, end }: LogEnds): Position {
    const { source } = this.#parts;
    const { reached } = this.#router;
    if (source.carriesRows) return reserved;
    if (source.reserves) return reached ?? reserved;
    return reached !== null && this.#streaming() && source.positions.covers(reached, end) ? reached : end;
  }

  /** Puts the lane's tables into the stream: at its own checkpoint, or here and now. */
  async #enter(lane: Lane, seat: Seat, stay: Position | null, log: LogEnds): Promise<Position> {
    let position = stay ?? log.end;
    await this.#router.atBoundary(() => {
      const reached = this.#router.reached;
      if (stay === null) {
        position = this.#entrance(log);
        this.#acknowledger.attachAnew(lane, position);
      } else this.#acknowledger.attach(lane, stay);
      // It may be in the stream already, at another place.
      this.#parts.mapper.remove(lane);
      this.#parts.mapper.add(lane, lane.subscription);
      // A scan that goes on brought it rows that its target may have lost.
      this.#loads.remove(lane);
      lane.reset();
      this.#holdOwed(lane, seat);
      this.#sendOwed(lane, seat);
      const { positions, transactional } = this.#parts.source;
      const passed = reached !== null && reached !== position && positions.covers(reached, position);
      // A source without transactions has not been told to end what it wraps there.
      const unnamed = reached !== null && reached !== position && !transactional;
      if (!passed && !unnamed) return;
      // What follows in the stream comes too early for it, until the stream has been opened at its place.
      lane.awaitReopening();
      this.#reopen();
    });
    return position;
  }

  #holdOwed(lane: Lane, seat: Seat): void {
    for (const [table, owed] of seat.owed) {
      owed.sent = false;
      if (owed.notBefore !== null) this.#parts.mapper.setActive(lane, table, false);
    }
  }

  /** Between two source transactions only. */
  #sendOwed(lane: Lane, seat: Seat): void {
    const { mapper, source } = this.#parts;
    const { reached } = this.#router;
    for (const [table, owed] of seat.owed) {
      const due = owed.notBefore === null || (reached !== null && source.positions.covers(reached, owed.notBefore));
      if (owed.sent || !due) continue;
      owed.sent = true;
      mapper.setActive(lane, table, true);
      // The checkpoint moves along, so that a restart does not meet the table's earlier shape either.
      if (reached !== null) lane.push({ tag: "progress", position: reached, at: seat.sourceTime });
      lane.push({ tag: "load", table, progress: owed.progress, sweep: owed.sweep });
    }
  }
}
