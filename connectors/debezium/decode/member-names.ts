/** Names of an object's members, as they follow each other in most records: known again by their bytes, so that no text is made of them. */
export class MemberNames {
  readonly #known: { readonly json: Buffer; readonly name: string }[] = [];
  /** Of the name that came after this one the last time, by place; place 0 is the beginning. */
  readonly #next: number[] = [0];

  /** The place of the name that is expected at the beginning. */
  get first(): number {
    return this.#next[0] ?? 0;
  }

  /** With quotes and colon; null: nothing is known there. */
  json(place: number): Buffer | null {
    return this.#known[place]?.json ?? null;
  }

  name(place: number): string {
    return this.#known[place]?.name ?? "";
  }

  after(place: number): number {
    return this.#next[place + 1] ?? place + 1;
  }

  /** Came after the name at the place `before`, -1 at the beginning; gives its own place. */
  learn(name: string, before: number): number {
    let place = this.#known.findIndex((known) => known.name === name);
    if (place < 0) {
      if (this.#known.length >= namesMax) return -1;
      place = this.#known.push({ json: Buffer.from(`${JSON.stringify(name)}:`), name }) - 1;
    }
    this.#next[before + 1] = place;
    return place;
  }
}

/** Objects whose members are named by data are not worth it. */
const namesMax = 100;
