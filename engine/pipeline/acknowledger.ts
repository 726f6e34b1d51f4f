import type { Position, PositionOrder } from "../model/position.ts";

/**
 * Decides what the source may forget, and nothing else does: the newest position that every attached subscription has
 * durably applied (invariant 3). A subscription whose position is not known yet holds everything.
 */
export class Acknowledger<T> {
  readonly #positions: PositionOrder;
  readonly #attached = new Map<T, Position | null>();
  /** Whose position is not on record where they apply: what is on record there may lie before it. */
  readonly #unrecorded = new Set<T>();
  #acknowledged: Position | null = null;

  constructor(positions: PositionOrder) {
    this.#positions = positions;
  }

  /** What the source was last told that it may forget. */
  get acknowledged(): Position | null {
    return this.#acknowledged;
  }

  /** Nobody needs the source's log. */
  get idle(): boolean {
    return this.#attached.size === 0;
  }

  /** The source keeps another log for us than before: nothing of it was acknowledged. */
  forget(): void {
    this.#acknowledged = null;
  }

  /** From now on nothing after `position` is forgotten; null: nothing at all, until its position is known. */
  attach(subscription: T, position: Position | null): void {
    this.#attached.set(subscription, position);
    this.#unrecorded.delete(subscription);
  }

  /** It starts anew at `position`: until it has applied something, nothing is forgotten, as if its position were not known. */
  attachAnew(subscription: T, position: Position): void {
    this.attach(subscription, position);
    this.#unrecorded.add(subscription);
  }

  /** The subscription needs the source's log no longer. What it had not applied is lost to it. */
  detach(subscription: T): void {
    this.#attached.delete(subscription);
    this.#unrecorded.delete(subscription);
  }

  isAttached(subscription: T): boolean {
    return this.#attached.has(subscription);
  }

  /** Durably applied up to here. */
  applied(subscription: T, position: Position): void {
    if (this.#attached.has(subscription)) this.attach(subscription, position);
  }

  /** What may be acknowledged now; null: nothing new. Never moves back. */
  next(): Position | null {
    return this.#advance(this.oldest());
  }

  /** The same while nobody needs the log: all up to `reached` may go. */
  abandoned(reached: Position | null): Position | null {
    return this.idle ? this.#advance(reached) : null;
  }

  #advance(reached: Position | null): Position | null {
    if (reached === null || reached === this.#acknowledged) return null;
    if (this.#acknowledged !== null && !this.#positions.covers(reached, this.#acknowledged)) return null;
    this.#acknowledged = reached;
    return reached;
  }

  /** What everybody has; null while that is unknown of somebody, or nobody is attached. */
  oldest(): Position | null {
    const known = this.known();
    const isUncertain = known.length < this.#attached.size || this.#unrecorded.size > 0;
    return isUncertain || known.length === 0 ? null : this.#positions.least(known);
  }

  /** Positions of the attached subscriptions that have one. */
  known(): Position[] {
    return [...this.#attached.values()].filter((position) => position !== null);
  }
}
