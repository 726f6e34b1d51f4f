// What a change of one source row means for one copy: the whole truth table. `old` and `next` say whether the row was and
// is in the copy by its filter.
import { UNKNOWN, type Verdict } from "./row-filter.ts";

/** Whether a filter has a row in the copy; NULL has it out, as false does. */
export type Membership = "in" | "out" | "unknown";

/**
 * What is known of the row's shipped columns after the change. complete: every value · partial: some are UNCHANGED, so
 * the copy has them if it has the row · lacking: some were not sent at all.
 */
export type ImageContent = "complete" | "partial" | "lacking";

/**
 * none: the copy neither has nor gets the row · upsert: write the new image (a partial one onto the row that is there) ·
 * delete: take the row away, by its old key · refetch: only the source can say; read the row there by its new key.
 */
export type RouteAction = "none" | "upsert" | "delete" | "refetch";

export interface Route {
  readonly action: RouteAction;
  /** The copy may hold the row under its old key, which is another than the new one, and must not keep it there. */
  readonly clearsOldKey: boolean;
}

/** One source change as far as routing goes. */
export type RoutedChange =
  | { readonly op: "insert"; readonly next: Membership; readonly content: ImageContent }
  | {
      readonly op: "update";
      readonly old: Membership;
      readonly next: Membership;
      readonly content: ImageContent;
      readonly keyChanged: boolean;
    }
  | { readonly op: "delete"; readonly old: Membership };

export function membership(verdict: Verdict): Membership {
  if (verdict === UNKNOWN) return "unknown";
  return verdict === true ? "in" : "out";
}

/** The one answer for each case; total, pure. */
export function routeChange(change: RoutedChange): Route {
  switch (change.op) {
    case "insert":
      return plainRoutes[updates.out[change.next][change.content]];
    case "delete":
      return plainRoutes[change.old === "out" ? "none" : "delete"];
    case "update": {
      const action = updates[change.old][change.next][change.content];
      // A delete goes by the old key anyway.
      const clears = change.keyChanged && change.old !== "out" && (action === "upsert" || action === "refetch");
      return clears ? clearingRoutes[action] : plainRoutes[action];
    }
  }
}

type Cell = Readonly<Record<ImageContent, RouteAction>>;

const leaves: Cell = { complete: "delete", partial: "delete", lacking: "delete" };
const staysOut: Cell = { complete: "none", partial: "none", lacking: "none" };
const ask: Cell = { complete: "refetch", partial: "refetch", lacking: "refetch" };

/** By membership before, then after. An insert is a row that was out. */
const updates: Readonly<Record<Membership, Readonly<Record<Membership, Cell>>>> = {
  in: {
    in: { complete: "upsert", partial: "upsert", lacking: "refetch" },
    out: leaves,
    unknown: ask,
  },
  out: {
    // The copy has no row to take the unchanged values from.
    in: { complete: "upsert", partial: "refetch", lacking: "refetch" },
    out: staysOut,
    unknown: ask,
  },
  unknown: {
    // Mostly the row is there; where it is not, the target reports the partial row as missing, and it is read then.
    in: { complete: "upsert", partial: "upsert", lacking: "refetch" },
    // It may be there: an unneeded delete does no harm, a row left behind would.
    out: leaves,
    unknown: ask,
  },
};

const plainRoutes: Readonly<Record<RouteAction, Route>> = {
  none: { action: "none", clearsOldKey: false },
  upsert: { action: "upsert", clearsOldKey: false },
  delete: { action: "delete", clearsOldKey: false },
  refetch: { action: "refetch", clearsOldKey: false },
};

const clearingRoutes: Readonly<Record<"upsert" | "refetch", Route>> = {
  upsert: { action: "upsert", clearsOldKey: true },
  refetch: { action: "refetch", clearsOldKey: true },
};
