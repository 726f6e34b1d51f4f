// The part of a queue that does not fit into memory, on disk, readable by this process's account only.
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";

const headerBytes = 8;

/** A first-in-first-out file of arrays of plain data. Deleted when closed; what it held is in the source's log still. */
export class SpillFile<T> {
  readonly #path: string;
  #file: number | null = null;
  #readAt = 0;
  #writeAt = 0;

  constructor(folder: string, name: string) {
    this.#path = join(folder, `${name.replace(/[^a-zA-Z0-9_-]/g, "_")}.spill`);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Bytes written and not read yet. */
  get bytes(): number {
    return this.#writeAt - this.#readAt;
  }

  append(items: readonly T[]): void {
    // Opened anew each time it becomes empty, so that a file never keeps what was already read.
    this.#file ??= this.#open();
    const body = serialize(items);
    const header = Buffer.alloc(headerBytes);
    header.writeBigUInt64LE(BigInt(body.length));
    writeSync(this.#file, header, 0, headerBytes, this.#writeAt);
    writeSync(this.#file, body, 0, body.length, this.#writeAt + headerBytes);
    this.#writeAt += headerBytes + body.length;
  }

  /** The oldest array not read yet; null when there is none. */
  read(): T[] | null {
    if (this.#file === null || this.bytes === 0) return null;
    const header = Buffer.alloc(headerBytes);
    readSync(this.#file, header, 0, headerBytes, this.#readAt);
    const body = Buffer.alloc(Number(header.readBigUInt64LE()));
    readSync(this.#file, body, 0, body.length, this.#readAt + headerBytes);
    this.#readAt += headerBytes + body.length;
    if (this.bytes === 0) this.close();
    return deserialize(body) as T[];
  }

  /** A file of its own: another process that was stopped, and wakes up, may still hold the one that lay there. */
  #open(): number {
    rmSync(this.#path, { force: true });
    return openSync(this.#path, "wx+", 0o600);
  }

  /** Forgets everything and deletes the file. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    rmSync(this.#path, { force: true });
    this.#file = null;
    this.#readAt = 0;
    this.#writeAt = 0;
  }
}
