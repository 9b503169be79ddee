import { type Context } from '../llama/context.js';
import { chooseSeat, type SeatView } from './seat-choice.js';

/** A stream or a draft chain: something that runs on a sequence of the context. */
export interface Lane {
  /** Its sequence; unset until one is free. */
  sequence: number | undefined;
  /** Positions in KV. */
  readonly kv: number;
  /** Of these, from the first, those whose ids are committed. */
  readonly settled: number;
  /** Positions whose ids are known. The last one is always evaluated, because its logits are wanted. */
  readonly length: number;
  /** Whether it may begin with KV of others, and others with its own. */
  readonly shares: boolean;
  /** Id at a position. */
  idAt(position: number): number;
  /** Hears that its sequence holds its first positions already. */
  begin(reused: number): void;
}

/** What is needed of the context. */
export type KvMemory = Pick<Context, 'cells' | 'trim' | 'copy' | 'firstPosition'>;

interface Seat {
  readonly sequence: number;
  /** Who runs on it. */
  lane: Lane | undefined;
  /** Ids of the positions that it holds while nobody runs on it. */
  ids: Int32Array;
  usedAt: number;
}

const nothing = new Int32Array(0);

/**
 * The sequences of a context, and what they still hold of lanes that are over: newcomers begin with the longest prefix that
 * any sequence has in common with them. What is kept takes no sequence from anybody, and gives way when cells are short.
 */
export class PrefixCache {
  readonly #memory: KvMemory;
  readonly #seats: readonly Seat[];
  #clock = 0;

  /** @param sequences sequences of the context */
  constructor(memory: KvMemory, sequences: number) {
    this.#memory = memory;
    this.#seats = Array.from({ length: sequences }, (_, sequence) => {
      return { sequence, lane: undefined, ids: nothing, usedAt: 0 };
    });
  }

  /** Positions that sequences hold, kept ones included; a prefix that several of them share counts for each. */
  get held(): number {
    return this.#seats.reduce((sum, seat) => sum + (seat.lane?.kv ?? seat.ids.length), 0);
  }

  /** Of these, those that nobody runs on. */
  get kept(): number {
    return this.#seats.reduce((sum, seat) => sum + seat.ids.length, 0);
  }

  /** Gives a newcomer a sequence; false while all are in use. */
  seat(lane: Lane): boolean {
    if (lane.sequence !== undefined) return true;
    if (this.#seats.every(seat => seat.lane !== undefined)) return false;
    const choice = chooseSeat(this.#seats.map(seat => this.#view(seat, lane)));
    if (choice === undefined) return false;
    const { seat } = choice.seat;
    const { seat: source, common } = choice.source;
    const reused = this.#prepare(seat, source, common);
    source.usedAt = ++this.#clock;
    seat.ids = nothing;
    seat.lane = lane;
    lane.sequence = seat.sequence;
    lane.begin(reused);
    return true;
  }

  /** Takes the sequence of a lane that is over back; what it shares stays there. */
  unseat(lane: Lane): void {
    const seat = this.#seats[lane.sequence ?? -1];
    if (seat === undefined) return;
    lane.sequence = undefined;
    seat.lane = undefined;
    seat.usedAt = ++this.#clock;
    const kept = lane.shares ? lane.settled : 0;
    seat.ids = idsOf(lane, kept);
    // What a lane that failed says of its KV need not be so.
    if (lane.kv > kept || !lane.shares) this.#trim(seat, kept);
  }

  /** Forgets what is kept, oldest first, until so many more rows fit. */
  makeRoom(rows: number): void {
    while (this.held + rows > this.#memory.cells && this.evict());
  }

  /** Forgets what was not used for longest. False: nothing is kept. */
  evict(): boolean {
    const kept = this.#seats.filter(seat => seat.ids.length > 0);
    const [oldest] = kept.sort((a, b) => a.usedAt - b.usedAt);
    if (oldest !== undefined) this.#trim(oldest, 0);
    return oldest !== undefined;
  }

  /** Forgets everything that is kept. */
  clear(): void {
    while (this.evict());
  }

  #view(seat: Seat, lane: Lane): SeatView & { readonly seat: Seat } {
    const { lane: other, ids, usedAt } = seat;
    const free = other === undefined;
    return { seat, free, held: ids.length, common: this.#common(seat, lane), usedAt };
  }

  /** Positions that a lane may begin with where it takes over those of a seat. */
  #common({ sequence, lane: other, ids }: Seat, lane: Lane): number {
    if (!lane.shares || other?.shares === false) return 0;
    const most = Math.min(other?.settled ?? ids.length, lane.length - 1);
    let common = 0;
    while (common < most && (other?.idAt(common) ?? ids[common]) === lane.idAt(common)) common++;
    // Behind a sliding window a sequence may have lost its first positions.
    return common > 0 && this.#memory.firstPosition(sequence) === 0 ? common : 0;
  }

  /** Has a free seat hold the prefix of the source and nothing else; returns what it holds then. */
  #prepare(seat: Seat, source: Seat, common: number): number {
    const kept = source === seat ? common : 0;
    const held = seat.ids.length > kept ? this.#trim(seat, kept) : kept;
    if (source === seat) return held;
    this.#memory.copy(source.sequence, seat.sequence, common);
    return common;
  }

  /** Cuts a sequence, or empties it where its memory cannot be cut; returns what it holds then. */
  #trim(seat: Seat, length: number): number {
    const cut = this.#memory.trim(seat.sequence, length);
    if (!cut) this.#memory.trim(seat.sequence, 0);
    const held = cut ? length : 0;
    seat.ids = held === 0 ? nothing : seat.ids.subarray(0, held);
    return held;
  }
}

function idsOf(lane: Lane, length: number): Int32Array {
  const ids = length === 0 ? nothing : new Int32Array(length);
  for (let position = 0; position < length; position++) ids[position] = lane.idAt(position);
  return ids;
}
