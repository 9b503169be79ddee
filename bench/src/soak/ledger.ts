/** What a client does in one go. */
export type Kind = 'stream' | 'cancel' | 'deadline' | 'slow' | 'disconnect' | 'bad' | 'load';

/** Counts how calls ended, and keeps what should not have been. */
export class Ledger {
  readonly #counts = new Map<Kind, Map<string, number>>();
  readonly #violations: string[] = [];

  /** How often each kind ended in which way. */
  get counts(): ReadonlyMap<Kind, ReadonlyMap<string, number>> {
    return this.#counts;
  }

  /** In the order of appearance. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  /** A call has ended as it may. @param how for people, for example `whole text` */
  count(kind: Kind, how: string): void {
    const ways = this.#counts.get(kind) ?? new Map<string, number>();
    ways.set(how, (ways.get(how) ?? 0) + 1);
    this.#counts.set(kind, ways);
  }

  /** Something was not as it should be. */
  violate(what: string): void {
    this.#violations.push(what);
  }
}
