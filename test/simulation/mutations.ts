// Engines that are wrong on purpose, each in one place. The judge must find every one of them, or it would not find a mistake of that kind.

export interface Mutation {
  /** What the engine does wrong. */
  readonly name: string;
  /** Invariants of which one must be found broken; 0: the copies never come to rest. */
  readonly breaks: readonly number[];
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly text: string;
  readonly becomes: string;
}

export const mutations: readonly Mutation[] = [
  {
    name: "acknowledges what one subscription has, not what all have",
    breaks: [3],
    file: "engine/pipeline/acknowledger.ts",
    text: "this.#positions.least(known);",
    becomes: "known.reduce((a, b) => this.#positions.join(a, b));",
  },
  {
    name: "acknowledges what was received, before it is durable",
    breaks: [3],
    file: "engine/pipeline/source-pipeline.ts",
    text: "    this.#confirmedAt = Math.max(this.#confirmedAt, at);",
    becomes: "    this.#confirmedAt = Math.max(this.#confirmedAt, at); this.#stream?.acknowledge(reached);",
  },
  {
    name: "acknowledges at the end of the stream whatever has come",
    breaks: [3],
    file: "engine/pipeline/source-pipeline.ts",
    text: "      await stream.close();",
    becomes: "      if (this.#router.reached !== null) stream.acknowledge(this.#router.reached);\n      await stream.close();",
  },
  {
    name: "acknowledges on when another engine has taken a subscription over",
    breaks: [3],
    file: "engine/pipeline/attachments.ts",
    text: "    this.detach(lane);\n    this.#acknowledger.attach(lane, null);",
    becomes: "    this.detach(lane);",
  },
  {
    name: "lets an old epoch write",
    breaks: [2],
    file: "test/simulation/simulated-transaction.ts",
    text: "if (record.epoch !== epoch) {",
    becomes: "if (record.epoch < 0) {",
  },
  {
    name: "commits rows first and their checkpoint after them",
    breaks: [1, 2],
    file: "test/simulation/simulated-transaction.ts",
    text: 'database.commit(next, { by: "batch", epoch });',
    becomes: 'database.commit({ ...committed, rows }, { by: "batch", epoch });\n    database.commit(next, { by: "batch", epoch });',
  },
  {
    name: "moves the clock when an attempt fails",
    breaks: [4],
    file: "engine/pipeline/lane.ts",
    text: '    this.#setState("retrying", error);',
    becomes:
      '    this.#setState("retrying", error);\n    if (this.#progress !== null) this.push({ tag: "progress", position: this.#progress.position, at: clock.now() });',
  },
  {
    name: "counts a heartbeat before the stream has passed it",
    breaks: [4],
    file: "engine/pipeline/heartbeat.ts",
    text: "while (this.#beats[0] !== undefined && this.#positions.covers(reached, this.#beats[0].position)) {",
    becomes: "while (this.#beats[0] !== undefined) {",
  },
  {
    name: "believes a source whose clock is ahead of the copy's",
    breaks: [4],
    file: "test/simulation/simulated-transaction.ts",
    text: "Math.min(checkpoint.sourceTime, judgedNow));",
    becomes: "checkpoint.sourceTime);",
  },
  {
    name: "judges by a clock that was set back",
    breaks: [5],
    file: "engine/validity/validity-clock.ts",
    text: "clockFloor === null ? serverClock : Math.max(serverClock, clockFloor);",
    becomes: "serverClock + 0 * (clockFloor ?? 0);",
  },
  {
    name: "counts a chunk that has not seen a transaction which the stream had brought",
    breaks: [1],
    file: "engine/snapshot/table-scan.ts",
    text: "if (unseen.some((id) => !chunk.visibility.sees(id))) {",
    becomes: "if (unseen.length < 0) {",
  },
  {
    name: "does not apply once more what a chunk has missed",
    breaks: [1],
    file: "engine/pipeline/batch.ts",
    text: "for (const change of item.replay) this.#change(item.table, change);",
    becomes: "",
  },
  {
    name: "opens a copy before the stream has passed the fences of its load",
    breaks: [1],
    file: "engine/snapshot/load-progress.ts",
    text: "progress.ranges.every(rangeComplete) && (progress.fence === null || positions.covers(reached, progress.fence));",
    becomes: "progress.ranges.every(rangeComplete) && reached !== null && positions !== null;",
  },
  {
    name: "splits a source transaction",
    breaks: [1],
    file: "engine/pipeline/router.ts",
    text: '    lane.push({ tag: "change", table, change });',
    becomes:
      '    lane.push({ tag: "change", table, change });\n    lane.push({ tag: "commit", position: transaction.position, committedAt: 0, completeAt: 0 });\n    this.#touched.delete(lane);',
  },
  {
    name: "forgets rows of a piece that is tried again",
    breaks: [1],
    file: "engine/pipeline/lane-queue.ts",
    text: "this.#items = [...this.#taken, ...this.#items.slice(this.#head)];",
    becomes: 'this.#items = [...this.#taken.filter(({ item }) => item.tag !== "packed"), ...this.#items.slice(this.#head)];',
  },
  {
    name: "takes a commit whose answer was lost for done",
    breaks: [1, 2, 3],
    file: "engine/pipeline/commit-in-doubt.ts",
    text: "    if (!tookPlace) throw error;",
    becomes: "    if (!tookPlace) return null;",
  },
  {
    name: "shows rows that it read at the master before the stream has come as far",
    breaks: [1],
    file: "engine/pipeline/batch.ts",
    text: "      this.#hold = this.#hold === null ? answer.position : positions.join(this.#hold, answer.position);",
    becomes: "      this.#hold = null;",
  },
  {
    name: "believes rows of the master that do not show what the stream has brought",
    breaks: [1],
    file: "engine/snapshot/load-coordinator.ts",
    text: "if (brought.every((id) => answer.visibility.sees(id)) || unsettled !== this.#unsettled) return answer;",
    becomes: "if (brought.length >= 0) return answer;",
  },
  {
    name: "does not notice a target that was set back while a commit was under way",
    breaks: [1, 2],
    file: "engine/pipeline/commit-in-doubt.ts",
    text: "    refuseSetBack(stored, checkpoint, transaction.batchId, witness);",
    becomes: "",
  },
  {
    name: "leaves a copy readable that is to be read anew and gets no changes any more",
    breaks: [1, 4],
    file: "engine/pipeline/attachments.ts",
    text: 'return contract === null ? null : "withdrawn";',
    becomes: "return null;",
  },
  {
    name: "waits for the end of a transaction whose stream is gone",
    breaks: [0],
    file: "engine/pipeline/source-pipeline.ts",
    text: "      this.#router.interrupt();",
    becomes: "",
  },
];
