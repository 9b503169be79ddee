/** A sequence of the context, as a newcomer sees it. */
export interface SeatView {
  /** Nobody runs on it. */
  readonly free: boolean;
  /** Positions that it holds. */
  readonly held: number;
  /** Of these, from the first, those that the newcomer begins with as well. */
  readonly common: number;
  /** Grows with every use. */
  readonly usedAt: number;
}

/** Where a newcomer sits, and what it begins with. */
export interface SeatChoice<View extends SeatView> {
  readonly seat: View;
  /** Whose prefix it gets: its own seat's, or that of another one, which stays as it is. */
  readonly source: View;
}

/**
 * Chooses a free seat and the longest prefix for a newcomer. A seat goes on where at least half of what it holds is of use;
 * else that is copied to an empty seat, or to the one that was not used for longest.
 * @returns undefined while no seat is free
 */
export function chooseSeat<View extends SeatView>(
  seats: readonly View[],
): SeatChoice<View> | undefined {
  const free = seats.filter(seat => seat.free).sort((a, b) => rank(a) - rank(b));
  const [oldest] = free;
  if (oldest === undefined) return undefined;
  const closest = longest(free);
  const goesOn = closest.common > 0 && 2 * closest.common >= closest.held;
  const seat = goesOn ? closest : oldest;
  const source = longest(seats);
  return { seat, source: source.common > seat.common ? source : seat };
}

/** Empty seats first, then by age. */
function rank({ held, usedAt }: SeatView): number {
  return held === 0 ? -1 : usedAt;
}

/** Of equals the first. */
function longest<View extends SeatView>(seats: readonly View[]): View {
  return seats.reduce((best, seat) => (seat.common > best.common ? seat : best));
}
