// Who of a consumer group owns which slices: decided by the member that the group made its leader, for all.

/** Name of this way of spreading: a group refuses members that name another. */
export const assignmentProtocol = "dongbo-slices";

export interface SliceClaim {
  readonly memberId: string;
  /** Slices that the member owned before. */
  readonly owned: readonly number[];
}

/**
 * Spreads slices 0 … slices−1 evenly: nobody has two more than another. What a member owned stays with it as far as that
 * allows, so that few readings have to start again. The same claims give the same result whatever their order.
 */
export function assignSlices(claims: readonly SliceClaim[], slices: number): Map<string, number[]> {
  const members = claims.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const owners = new Map(members.map(({ memberId }) => [memberId, [] as number[]]));
  const [share, larger] = [Math.floor(slices / members.length), slices % members.length];
  const free = new Set(allSlices(slices));
  let mayBeLarger = larger;
  for (const { memberId, owned } of members) {
    const kept = [...new Set(owned)].filter((slice) => free.has(slice)).slice(0, mayBeLarger > 0 ? share + 1 : share);
    if (kept.length > share) mayBeLarger -= 1;
    for (const slice of kept) free.delete(slice);
    owners.get(memberId)?.push(...kept);
  }
  for (const own of owners.values()) {
    const size = own.length > share ? own.length : mayBeLarger > 0 ? share + 1 : share;
    if (size > share && own.length <= share) mayBeLarger -= 1;
    for (const slice of [...free].slice(0, size - own.length)) {
      free.delete(slice);
      own.push(slice);
    }
    own.sort((a, b) => a - b);
  }
  return owners;
}

/** What a member owns that is alone, whatever partitions there are. */
export function allSlices(slices: number): number[] {
  return Array.from({ length: slices }, (_, slice) => slice);
}

/** The slices that some of these partitions belong to, ascending. */
export function slicesOf(partitions: readonly number[], slices: number): number[] {
  return [...new Set(partitions.map((partition) => partition % slices))].toSorted((a, b) => a - b);
}

/** Owned slices as members tell them to the leader, and back; anything else is read as none. */
export function printClaim(owned: readonly number[]): string {
  return owned.join(",");
}

export function readClaim(text: string): number[] {
  return /^\d+(,\d+)*$/.test(text) ? text.split(",").map(Number) : [];
}
