// A subscription's queue between routing and applying: bounded in memory, continued on disk, able to step back.
import { isBoundary, itemBytes, type LaneItem } from "./lane-item.ts";
import { ChangePacker, isRowChange, type PackedChanges } from "./packed-change.ts";
import { SpillFile } from "./spill-file.ts";

/** As it waits: changes of rows are packed. */
export type WaitingItem = LaneItem | PackedChanges;

interface Queued {
  readonly item: WaitingItem;
  readonly bytes: number;
}

/** What `take` gave, and of which reading of the stream. */
export interface Taken {
  readonly items: readonly WaitingItem[];
  readonly generation: number;
}

/** Bytes of one frame on disk. */
const frameBytesMax = 1024 * 1024;
/** So many pieces of an unfinished target transaction are kept for another attempt. */
const keptPieces = 2;

/**
 * First in, first out. What was taken is kept until `release`, so that a failed target transaction can be tried again
 * from `rewind`; when that grows beyond two pieces (one oversize transaction) it is given up and the stream itself must be
 * read again.
 */
export class LaneQueue {
  readonly #spill: SpillFile<WaitingItem>;
  /** Holds the newest item while it is a run of changes that may go on. */
  readonly #packer = new ChangePacker((run) => this.#append(run));
  #items: Queued[] = [];
  #head = 0;
  #bytes = 0;
  /** Newest items, waiting to become a frame on disk. Empty unless spilling. */
  #tail: WaitingItem[] = [];
  #tailBytes = 0;
  #spilling = false;
  #taken: Queued[] | null = [];
  #takenBytes = 0;
  #generation = 0;
  /** Boundaries among the items in memory. */
  #boundaries = 0;
  #hurried = false;
  /** The source has confirmed its place since the last `take`. */
  #confirmed = false;
  /** Who waits for items, and for what. */
  #waiter: { readonly wake: () => void; readonly enough: () => boolean } | null = null;

  constructor(spillFolder: string, name: string) {
    this.#spill = new SpillFile(spillFolder, name);
  }

  /** Bytes held in memory, waiting or taken and not released. */
  get bytes(): number {
    return this.waitingBytes + this.#takenBytes;
  }

  /** Counts how often the queue was cleared: what was taken before belongs to an earlier reading of the stream. */
  get generation(): number {
    return this.#generation;
  }

  /** Bytes in memory that were not taken yet. */
  get waitingBytes(): number {
    return this.#bytes + this.#tailBytes + this.#packer.bytes;
  }

  get spilling(): boolean {
    return this.#spilling;
  }

  get spilledBytes(): number {
    return this.#spill.bytes;
  }

  /** Nothing waits; what was taken may still be in work. */
  get drained(): boolean {
    return this.#head === this.#items.length && this.#tail.length === 0 && this.#spill.bytes === 0 && this.#packer.bytes === 0;
  }

  push(item: LaneItem): void {
    if (item.tag === "change" && isRowChange(item.change)) {
      this.#packer.add(item.table, item.change);
    } else {
      this.#packer.end();
      this.#append(item);
    }
    this.#arrived();
  }

  #append(item: WaitingItem): void {
    const bytes = waitingBytes(item);
    if (item.tag === "progress") this.#confirmed = true;
    if (this.#spilling) {
      this.#tail.push(item);
      this.#tailBytes += bytes;
      if (this.#tailBytes >= frameBytesMax) this.#writeFrame();
    } else {
      // A newer confirmation says all that an older one still waiting said.
      if (item.tag === "progress" && this.#items.length > this.#head && this.#items.at(-1)?.item.tag === "progress") this.#dropLast();
      this.#enqueue(item, bytes);
    }
  }

  /** From now on new items go to disk, until everything on disk was taken again. */
  startSpilling(): void {
    this.#spilling = true;
  }

  /**
   * The oldest items, up to about `bytesMax`, ending at a boundary when there is one within that bound: only an oversize
   * transaction comes in pieces. Waits until there is a boundary or enough for a piece; resolves with what there is,
   * perhaps nothing, when `hurry` or `clear` was called or the signal aborts.
   */
  async take(bytesMax: number, signal: AbortSignal): Promise<Taken> {
    await this.#until(() => this.#ready(bytesMax), signal);
    this.#hurried = false;
    this.#confirmed = false;
    this.#packer.end();
    this.#fill();
    let bytes = 0;
    let end = this.#head;
    let boundary = -1;
    for (; end < this.#items.length && bytes < bytesMax; end++) {
      const queued = this.#items[end] as Queued;
      bytes += queued.bytes;
      if (isBoundaryItem(queued.item)) boundary = end + 1;
    }
    if (boundary > this.#head) end = boundary;
    const taken = this.#items.slice(this.#head, end);
    for (const queued of taken) this.#take(queued, keptPieces * bytesMax);
    this.#head = end;
    this.#compact();
    return { items: taken.map(({ item }) => item), generation: this.#generation };
  }

  /** Resolves when there is enough for a piece, or reason to take what there is: the source's confirmation, `hurry`, the signal. */
  fills(bytesMax: number, signal: AbortSignal): Promise<void> {
    return this.#until(() => this.#confirmed || this.#full(bytesMax), signal);
  }

  /** Lets a waiting `take` go with what there is: whoever fills the queue is waiting for room itself. */
  hurry(): void {
    this.#hurried = true;
    this.#arrived();
  }

  /** Somebody waits for more than there is. */
  get awaited(): boolean {
    return this.#waiter !== null;
  }

  /** What was taken is durable at the target. */
  release(): void {
    this.#taken = [];
    this.#takenBytes = 0;
  }

  /** Puts back what was taken since the last release. False when it was too much to keep. */
  rewind(): boolean {
    if (this.#taken === null) return false;
    this.#items = [...this.#taken, ...this.#items.slice(this.#head)];
    this.#head = 0;
    this.#bytes += this.#takenBytes;
    this.#boundaries += this.#taken.filter(({ item }) => isBoundaryItem(item)).length;
    this.release();
    return true;
  }

  /** Forgets everything: the stream will be read again. */
  clear(): void {
    this.#generation += 1;
    this.#packer.drop();
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#boundaries = 0;
    this.#tail = [];
    this.#tailBytes = 0;
    this.#spilling = false;
    this.#spill.close();
    this.release();
    this.hurry();
  }

  #ready(bytesMax: number): boolean {
    return this.#boundaries > 0 || this.#full(bytesMax);
  }

  #full(bytesMax: number): boolean {
    return this.#hurried || this.#bytes + this.#packer.bytes >= bytesMax || (this.#spilling && !this.drained);
  }

  #enqueue(item: WaitingItem, bytes: number): void {
    this.#items.push({ item, bytes });
    this.#bytes += bytes;
    if (isBoundaryItem(item)) this.#boundaries++;
  }

  #dropLast(): void {
    const dropped = this.#items.pop();
    this.#bytes -= dropped?.bytes ?? 0;
    this.#boundaries -= 1;
  }

  #take(queued: Queued, keptBytesMax: number): void {
    this.#bytes -= queued.bytes;
    if (isBoundaryItem(queued.item)) this.#boundaries--;
    // Whoever reads chunks sees to it that they are not too large to wait here.
    const fits = queued.item.tag === "chunk" || this.#takenBytes + queued.bytes <= keptBytesMax;
    if (this.#taken !== null && fits) {
      this.#taken.push(queued);
      this.#takenBytes += queued.bytes;
    } else {
      this.#taken = null;
      this.#takenBytes = 0;
    }
  }

  /** Refills memory from disk, oldest frame first; leaves spilling when nothing is left there. */
  #fill(): void {
    if (!this.#spilling || this.#head < this.#items.length) return;
    const frame = this.#spill.read() ?? this.#tail.splice(0);
    for (const item of frame) this.#enqueue(item, waitingBytes(item));
    if (this.#tail.length === 0) this.#tailBytes = 0;
    if (this.#spill.bytes === 0 && this.#tail.length === 0) this.#spilling = false;
  }

  #writeFrame(): void {
    this.#spill.append(this.#tail.map(asPlainData));
    this.#tail = [];
    this.#tailBytes = 0;
  }

  #compact(): void {
    // What was taken is held by the list as long as it is in it: a chunk of a load is large.
    if (2 * this.#head < this.#items.length) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }

  async #until(enough: () => boolean, signal: AbortSignal): Promise<void> {
    if (enough() || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        this.#waiter = null;
        resolve();
      };
      this.#waiter = { wake, enough };
      signal.addEventListener("abort", wake);
    });
  }

  #arrived(): void {
    if (this.#waiter?.enough() === true) this.#waiter.wake();
  }
}

/** Bytes of memory beside what is packed: the item, its place in the queue, the view of its bytes. */
const packedItemBytes = 200;

function waitingBytes(item: WaitingItem): number {
  return item.tag === "packed" ? packedItemBytes + item.bytes.length : itemBytes(item);
}

function isBoundaryItem(item: WaitingItem): boolean {
  return item.tag !== "packed" && isBoundary(item);
}

function asPlainData(item: WaitingItem): WaitingItem {
  return item.tag === "chunk" ? { ...item, rows: [...item.rows] } : item;
}
