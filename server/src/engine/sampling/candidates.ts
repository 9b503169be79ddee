/** Token ids with one sort key each, as parallel arrays that grow and are used again from row to row. */
export class Candidates {
  ids = new Int32Array(0);
  keys = new Float64Array(0);
  /** Entries in use. */
  count = 0;

  /** Makes room for so many entries; those in use are kept. */
  reserve(capacity: number): void {
    if (capacity <= this.ids.length) return;
    const ids = new Int32Array(capacity);
    const keys = new Float64Array(capacity);
    ids.set(this.ids);
    keys.set(this.keys);
    this.ids = ids;
    this.keys = keys;
  }

  /** Adds an entry. */
  add(id: number, key: number): void {
    if (this.count === this.ids.length) this.reserve(Math.max(64, this.count * 2));
    this.ids[this.count] = id;
    this.keys[this.count] = key;
    this.count++;
  }

  /** Arranges all entries as a heap: the smallest key first, then the smallest id. */
  heapify(): void {
    for (let at = (this.count >> 1) - 1; at >= 0; at--) this.#sink(at, this.count);
  }

  /** Replaces the first entry of a heap. */
  replaceFirst(id: number, key: number): void {
    this.ids[0] = id;
    this.keys[0] = key;
    this.#sink(0, this.count);
  }

  /** Moves the first entry of the heap that the first `size` entries are to index `size - 1`, out of the heap. */
  retireFirst(size: number): void {
    this.#swap(0, size - 1);
    this.#sink(0, size - 1);
  }

  /** Turns the order of all entries around. */
  reverse(): void {
    for (let i = 0, j = this.count - 1; i < j; i++, j--) this.#swap(i, j);
  }

  #sink(start: number, size: number): void {
    const { ids, keys } = this;
    const id = ids[start] ?? 0;
    const key = keys[start] ?? 0;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      let childKey = keys[child] ?? 0;
      let childId = ids[child] ?? 0;
      if (child + 1 < size) {
        const otherKey = keys[child + 1] ?? 0;
        const otherId = ids[child + 1] ?? 0;
        if (otherKey < childKey || (otherKey === childKey && otherId < childId)) {
          child++;
          childKey = otherKey;
          childId = otherId;
        }
      }
      if (key < childKey || (key === childKey && id <= childId)) break;
      keys[at] = childKey;
      ids[at] = childId;
      at = child;
    }
    keys[at] = key;
    ids[at] = id;
  }

  #swap(i: number, j: number): void {
    const { ids, keys } = this;
    const id = ids[i] ?? 0;
    const key = keys[i] ?? 0;
    ids[i] = ids[j] ?? 0;
    keys[i] = keys[j] ?? 0;
    ids[j] = id;
    keys[j] = key;
  }
}
