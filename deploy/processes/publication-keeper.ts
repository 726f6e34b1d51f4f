// Keeps watch over the publication of one source. What happens to a table while it is not published is never told, not even
// later: the server reads its log with the catalogue of that time. So each copy is held to the very entry in the publication
// under which it was loaded; when that was replaced, by whatever, changes may be missing and the table is loaded again.
import type { PublicationLook, UnpublishedTable } from "../../connectors/postgres/capture/publication.ts";
import { Turns } from "../../engine/concurrency/turns.ts";
import type { Subscription } from "../../engine/model/share.ts";
import { tableKey } from "../../engine/model/table.ts";
import type { ControlStore } from "../../engine/ports/control-store.ts";
import type { Publication } from "./connections.ts";

type Versions = ReadonlyMap<string, string>;

/** How a subscription starts. */
export interface Start {
  /** Its tables, by index, that must be loaded again. */
  readonly replaced: ReadonlySet<number>;
  /**
   * Another source streamed it, from a slot of its own: its checkpoint is a place in what that one kept. This source's slot may have
   * passed it, and its publication may have lacked a table then, so that all is loaded anew.
   */
  readonly moved: boolean;
}

export class PublicationKeeper {
  readonly #publication: Publication;
  readonly #control: ControlStore;
  /** As last seen, by the source's table. */
  readonly #newest = new Map<string, string>();
  /** By subscription: what its copies were, or are being, loaded under. */
  readonly #loaded = new Map<string, Map<string, string>>();
  /** Subscriptions whose entry in `#loaded` waits to be written down until their loads have begun. */
  readonly #unwritten = new Set<string>();
  /** What dongbo itself changes must not be looked at half-way. */
  readonly #turns = new Turns();

  constructor(publication: Publication, control: ControlStore) {
    this.#publication = publication;
    this.#control = control;
  }

  /** Makes the publication what these subscriptions need, as far as dongbo may; returns what is still lacking. */
  prepare(subscriptions: readonly Subscription[]): Promise<readonly UnpublishedTable[]> {
    return this.#turns.run(async () => {
      const { before, after } = await this.#publication.prepare(subscriptions);
      this.#see(after);
      for (const { id } of subscriptions) await this.#succeed(id, before.versions, after.versions);
      return after.lacking;
    });
  }

  /** Looks without changing anything. */
  look(subscriptions: readonly Subscription[]): Promise<readonly UnpublishedTable[]> {
    return this.#turns.run(async () => {
      const seen = await this.#publication.look(subscriptions);
      this.#see(seen);
      return seen.lacking;
    });
  }

  /** A subscription starts. Call `begun` when what must be loaded has begun to be. */
  async start(subscription: Subscription): Promise<Start> {
    const { id } = subscription;
    const written = await this.#control.published(id);
    this.#loaded.set(id, new Map(written));
    const replaced = this.replaced(subscription);
    const current = this.#current(subscription);
    // What is not known of a copy is written down before its first row is read.
    await this.#control.recordPublished(id, new Map([...current].filter(([table]) => !written.has(table))));
    this.#loaded.set(id, current);
    this.#unwritten.add(id);
    return { replaced, moved: await this.#comesFromElsewhere(id) };
  }

  /** Every load that the subscription owed has durably begun. */
  async begun(subscription: string): Promise<void> {
    if (!this.#unwritten.has(subscription)) return;
    await this.#control.recordPublished(subscription, this.#loaded.get(subscription) ?? new Map());
    const { carrier } = this.#publication;
    if (carrier !== null) await this.#control.recordCarrier(subscription, carrier);
    this.#unwritten.delete(subscription);
  }

  /**
   * Tables, by index, whose entry in the publication is not the one they were loaded under. A table that was dropped and made
   * again is not among them: it is another one, and its copy stops.
   */
  replaced({ id, tables }: Subscription): ReadonlySet<number> {
    const loaded = this.#loaded.get(id);
    const differs = (table: string): boolean => {
      const [then, now] = [loaded?.get(table), this.#newest.get(table)];
      return then !== undefined && now !== undefined && then !== now && identity(then) === identity(now);
    };
    return new Set(tables.flatMap((mapping, index) => (differs(tableKey(mapping.source)) ? [index] : [])));
  }

  /**
   * The configuration has given the subscription to another source. One that merely has another id and kept its slot goes on; one
   * whose slot alone is another has lost it, which is for somebody to judge.
   */
  async #comesFromElsewhere(id: string): Promise<boolean> {
    const { carrier } = this.#publication;
    if (carrier === null) return false;
    const known = await this.#control.carrier(id);
    if (known === null) await this.#control.recordCarrier(id, carrier);
    return known !== null && known.source !== carrier.source && known.slot !== carrier.slot;
  }

  #current({ tables }: Subscription): Map<string, string> {
    const names = tables.map((mapping) => tableKey(mapping.source));
    return new Map(names.flatMap((name) => [[name, this.#newest.get(name)] as const]).filter(isKnown));
  }

  #see({ versions }: PublicationLook): void {
    for (const [table, version] of versions) this.#newest.set(table, version);
  }

  /** dongbo's own change leaves no gap: what was loaded under the entry before it is loaded under the one after it. */
  async #succeed(id: string, before: Versions, after: Versions): Promise<void> {
    const succeeded = (known: Versions): Map<string, string> =>
      new Map(
        [...known]
          .filter(([table, version]) => version === before.get(table))
          .map(([table]) => [table, after.get(table)] as const)
          .filter(isKnown),
      );
    const changed = [...before].some(([table, version]) => after.get(table) !== version);
    if (!changed) return;
    await this.#control.recordPublished(id, succeeded(await this.#control.published(id)));
    const loaded = this.#loaded.get(id);
    if (loaded !== undefined) for (const [table, version] of succeeded(loaded)) loaded.set(table, version);
  }
}

/** The part of a version that names the table. */
function identity(version: string): string {
  return version.slice(0, version.indexOf(":"));
}

function isKnown(entry: readonly [string, string | undefined]): entry is readonly [string, string] {
  return entry[1] !== undefined;
}
