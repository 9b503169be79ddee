/**
 * A queue in which callers take turns, first come first served within each. A caller that comes new takes its first
 * turn after everybody who waits already, so that who waits behind `p` of its own is overtaken by no other caller more
 * than `p + 1` times.
 */
export class FairQueue<T> {
  // In the order of their turns; a line that is empty is not kept.
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** Goes to the end of its caller's line. */
  push(caller: string, item: T): void {
    const line = this.#lines.get(caller);
    if (line === undefined) this.#lines.set(caller, [item]);
    else line.push(item);
    this.#size += 1;
  }

  /** Takes out whose turn it is; undefined when nobody waits. */
  shift(): T | undefined {
    for (const [caller, line] of this.#lines) {
      const item = line.shift();
      this.#lines.delete(caller);
      if (line.length > 0) this.#lines.set(caller, line);
      this.#size -= 1;
      return item;
    }
    return undefined;
  }

  /** Takes one out, wherever it stands. One that does not wait is no matter. */
  remove(caller: string, item: T): void {
    const line = this.#lines.get(caller);
    const at = line?.indexOf(item) ?? -1;
    if (line === undefined || at === -1) return;
    line.splice(at, 1);
    if (line.length === 0) this.#lines.delete(caller);
    this.#size -= 1;
  }

  /** Takes everybody out, in no particular order. */
  clear(): T[] {
    const all = [...this.#lines.values()].flat();
    this.#lines.clear();
    this.#size = 0;
    return all;
  }

  /** Those whose turn comes before that of one more of this caller, in the order of their turns. */
  ahead(caller: string): T[] {
    const own = this.#lines.get(caller)?.length ?? 0;
    const before: T[] = [];
    for (let round = 0; round <= own; round += 1) {
      for (const [other, line] of this.#lines) {
        if (other === caller && round === own) return before;
        before.push(...line.slice(round, round + 1));
      }
    }
    return before;
  }

  /**
   * Who would have to make room for one more of this caller in a queue that may not grow: the newest of the longest
   * line, if that line is still no shorter than the caller's after the exchange. Of `n` callers that wait in `k` places
   * none is then kept below `k / n`, rounded down.
   */
  displaced(caller: string): { readonly caller: string; readonly item: T } | undefined {
    const own = this.#lines.get(caller)?.length ?? 0;
    let longest: { readonly caller: string; readonly line: readonly T[] } | undefined;
    for (const [other, line] of this.#lines) {
      if (line.length >= (longest?.line.length ?? own + 2)) longest = { caller: other, line };
    }
    const item = longest?.line.at(-1);
    return longest === undefined || item === undefined
      ? undefined
      : { caller: longest.caller, item };
  }
}
