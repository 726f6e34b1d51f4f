// The keys that one writer may touch: those its own committed transactions left behind.
import type { Random } from "./random.ts";

/** A set that can be picked from at random in constant time. */
export class KeyPool {
  readonly #keys: string[] = [];
  readonly #places = new Map<string, number>();

  get size(): number {
    return this.#keys.length;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  add(key: string): void {
    if (this.#places.has(key)) return;
    this.#places.set(key, this.#keys.length);
    this.#keys.push(key);
  }

  remove(key: string): void {
    const place = this.#places.get(key);
    const last = this.#keys.pop();
    if (place === undefined || last === undefined) {
      if (last !== undefined) this.#keys.push(last);
      return;
    }
    this.#places.delete(key);
    if (last === key) return;
    this.#keys[place] = last;
    this.#places.set(last, place);
  }

  clear(): void {
    this.#keys.length = 0;
    this.#places.clear();
  }

  /** Up to `count` different keys. */
  sample(random: Random, count: number): string[] {
    const picked = new Set<string>();
    const wanted = Math.min(count, this.size);
    if (wanted * 2 > this.size) {
      const start = random.between(0, Math.max(0, this.size - 1));
      for (let index = 0; index < wanted; index++) picked.add(this.#keys[(start + index) % this.size] ?? "");
    }
    while (picked.size < wanted) picked.add(random.pick(this.#keys));
    return [...picked];
  }
}
