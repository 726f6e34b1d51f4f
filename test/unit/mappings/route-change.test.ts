import { describe, expect, test } from "vitest";
import { membership, routeChange, type ImageContent, type Membership, type Route } from "../../../mappings/route-change.ts";
import { UNKNOWN } from "../../../mappings/row-filter.ts";

const memberships: readonly Membership[] = ["in", "out", "unknown"];
const contents: readonly ImageContent[] = ["complete", "partial", "lacking"];

/** What may really be the case when this is what is known. */
function realities(known: Membership): readonly boolean[] {
  return known === "unknown" ? [true, false] : [known === "in"];
}

/**
 * A copy with the one row, by key: "old" or "new" value. Applies a route as the engine does: a partial row needs a row to
 * be laid on, else it is read from the source; a refetch reads the source.
 */
function apply(
  route: Route,
  copy: Map<string, string>,
  keys: { old: string; next: string },
  reality: { content: ImageContent; inNow: boolean },
): void {
  const reads = (): void => {
    if (route.clearsOldKey) copy.delete(keys.old);
    if (reality.inNow) copy.set(keys.next, "new");
    else copy.delete(keys.next);
  };
  switch (route.action) {
    case "none":
      break;
    case "delete":
      copy.delete(keys.old);
      break;
    case "refetch":
      reads();
      break;
    case "upsert": {
      const base = route.clearsOldKey ? keys.old : keys.next;
      if (reality.content === "partial" && !copy.has(base)) return reads();
      if (route.clearsOldKey) copy.delete(keys.old);
      copy.set(keys.next, "new");
    }
  }
}

const updates = memberships.flatMap((old) =>
  memberships.flatMap((next) =>
    contents.flatMap((content) => [false, true].map((keyChanged) => ({ op: "update" as const, old, next, content, keyChanged }))),
  ),
);

describe("CP-02 whatever is known, the copy ends as the filter has it", () => {
  test.each(updates)("update: $old → $next, $content, key changed: $keyChanged", (change) => {
    const keys = { old: "1", next: change.keyChanged ? "2" : "1" };
    const route = routeChange(change);
    for (const inBefore of realities(change.old)) {
      for (const inNow of realities(change.next)) {
        const copy = new Map(inBefore ? [[keys.old, "old"]] : []);
        apply(route, copy, keys, { content: change.content, inNow });
        expect([...copy]).toEqual(inNow ? [[keys.next, "new"]] : []);
      }
    }
    if (change.content === "lacking") expect(route.action).not.toBe("upsert");
  });

  test.each(memberships.flatMap((next) => contents.map((content) => ({ op: "insert" as const, next, content }))))(
    "insert: $next, $content",
    (change) => {
      const route = routeChange(change);
      for (const inNow of realities(change.next)) {
        const copy = new Map<string, string>();
        apply(route, copy, { old: "1", next: "1" }, { content: change.content, inNow });
        expect([...copy]).toEqual(inNow ? [["1", "new"]] : []);
      }
      expect(route.clearsOldKey).toBe(false);
    },
  );

  test.each(memberships)("delete: %s", (old) => {
    const route = routeChange({ op: "delete", old });
    for (const inBefore of realities(old)) {
      const copy = new Map(inBefore ? [["1", "old"]] : []);
      apply(route, copy, { old: "1", next: "1" }, { content: "complete", inNow: false });
      expect(copy.size).toBe(0);
    }
  });
});

test("nothing is written for a row that was out and stays out, and nothing read where the change tells all", () => {
  expect(routeChange({ op: "update", old: "out", next: "out", content: "partial", keyChanged: true })).toEqual({
    action: "none",
    clearsOldKey: false,
  });
  expect(routeChange({ op: "delete", old: "out" })).toEqual({ action: "none", clearsOldKey: false });
  for (const change of updates) {
    const tells = change.next !== "unknown" && change.content !== "lacking" && !(change.old === "out" && change.content === "partial");
    if (tells) expect(routeChange(change).action).not.toBe("refetch");
  }
});

test("a row that enters with unchanged columns is read whole; one that moves within the copy is not", () => {
  const entering = { op: "update", next: "in", content: "partial", keyChanged: false } as const;
  expect(routeChange({ ...entering, old: "out" }).action).toBe("refetch");
  expect(routeChange({ ...entering, old: "in" }).action).toBe("upsert");
  // Where the before image lacks the filter's columns, the target tells whether the row is there.
  expect(routeChange({ ...entering, old: "unknown" }).action).toBe("upsert");
});

test("NULL has a row out of the copy", () => {
  expect([true, false, null, UNKNOWN].map((verdict) => membership(verdict as Parameters<typeof membership>[0]))).toEqual([
    "in",
    "out",
    "out",
    "unknown",
  ]);
});
