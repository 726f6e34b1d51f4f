import type { ChangeMessage, Progress, TransactionCommit } from "../../engine/model/change-message.ts";
import { printTable } from "../../engine/model/table.ts";
import type { Row } from "../../engine/model/row.ts";
import type { ChangeStream } from "../../engine/ports/change-source.ts";

/** Reads a stream on request and remembers everything; prints changes as `insert 1 text`, and deletes
 * by the first column, which is all that some logs tell: `delete 1`. */
export class StreamReader {
  readonly stream: ChangeStream;
  readonly messages: ChangeMessage[] = [];
  readonly #iterator: AsyncIterator<readonly ChangeMessage[]>;
  #progressSeen = 0;

  constructor(stream: ChangeStream) {
    this.stream = stream;
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** One batch more. Throws at the end of the stream. */
  async take(): Promise<void> {
    const { done, value } = await this.#iterator.next();
    if (done === true) throw new Error("the stream has ended");
    this.messages.push(...value);
  }

  /** The changes of the first so many transactions, read as far as needed. */
  async transactions(count: number): Promise<string[][]> {
    while (this.commits().length < count) await this.take();
    return this.#printed().slice(0, count);
  }

  /** Reads until a transaction fulfils the condition; all transactions up to it. */
  async until(found: (transaction: readonly string[]) => boolean): Promise<string[][]> {
    for (;;) {
      const printed = this.#printed();
      const index = printed.findIndex(found);
      if (index >= 0) return printed.slice(0, index + 1);
      await this.take();
    }
  }

  /** The next progress message. */
  async progress(): Promise<Progress> {
    for (;;) {
      const all = this.messages.filter((message) => message.tag === "progress");
      const next = all[this.#progressSeen];
      if (next !== undefined) {
        this.#progressSeen = all.length;
        return next;
      }
      await this.take();
    }
  }

  commits(): TransactionCommit[] {
    return this.messages.filter((message) => message.tag === "commit");
  }

  async untilEnd(): Promise<void> {
    for (;;) {
      const { done, value } = await this.#iterator.next();
      if (done === true) return;
      this.messages.push(...value);
    }
  }

  /** Complete transactions only. */
  #printed(): string[][] {
    const transactions: string[][] = [];
    let open: string[] = [];
    for (const message of this.messages) {
      if (message.tag === "begin") open = [];
      else if (message.tag === "commit") transactions.push(open);
      else if (message.tag === "replaced") open.push(`replaced ${printTable(message.table)}: ${message.cause}`);
      else if (message.tag === "delete") open.push(["delete", ...printRow(message.before ?? []).slice(0, 1)].join(" "));
      else if (message.tag === "column lost") open.push(`column lost ${printTable(message.table)}: ${message.column}`);
      else if ("table" in message) open.push([message.tag, ...printRow(message.after ?? [])].join(" "));
    }
    return transactions;
  }
}

function printRow(row: Row): string[] {
  return row.flatMap((value) => (value instanceof Buffer ? [value.toString("utf8")] : []));
}
