import { SpeculationOffReason } from '@outrider/sdk/proto';
import { CodedError } from '../../coded-error.js';
import { type Context } from '../llama/context.js';
import { nowUs, type TickTimes } from './decoder.js';
import { type DraftChain } from './draft-chain.js';
import { type Generation } from './generation.js';

/** What a scheduler needs of the context: the batch, one pass, and cutting sequences. */
export type SchedulerContext = Pick<Context, 'batch' | 'decode' | 'trim'>;

// A long prompt must not stall the streams that are decoding.
const promptRowsBesideDecoding = 256;
// A chain that is further behind than any verdict leaves it is reading its prompt.
const draftRowsAtOnce = 66;

/**
 * Fills one batch per tick: verify rows first, then draft rows that another thread waits for, then prompt chunks. Streams that
 * find no room wait for the next tick; older ones go first.
 */
export class Scheduler {
  readonly #context: SchedulerContext;
  readonly #promptRows: number;
  readonly #onBroken: (code: number) => void;
  readonly #free: number[];
  readonly generations = new Map<number, Generation>();
  readonly chains = new Map<number, DraftChain>();

  /**
   * @param sequences sequences of the context
   * @param promptRows most prompt rows of one pass, so that a cancellation is seen soon
   * @param onBroken called with llama.cpp's code after a failed pass, when every stream and chain has ended
   */
  constructor(
    context: SchedulerContext,
    sequences: number,
    promptRows: number,
    onBroken: (code: number) => void,
  ) {
    this.#context = context;
    this.#promptRows = promptRows;
    this.#onBroken = onBroken;
    this.#free = Array.from({ length: sequences }, (_, index) => sequences - 1 - index);
  }

  /** Takes a free sequence; undefined when all are in use. */
  takeSequence(): number | undefined {
    return this.#free.pop();
  }

  /** Gives a sequence back, empty. */
  freeSequence(sequence: number): void {
    this.#context.trim(sequence, 0);
    this.#free.push(sequence);
  }

  /** KV cells in use. */
  get kvUsed(): number {
    let used = 0;
    for (const generation of this.generations.values()) used += generation.kv;
    for (const chain of this.chains.values()) used += chain.kv;
    return used;
  }

  /** Runs one batch. False: there was nothing to run. */
  tick(): boolean {
    const tickStartUs = nowUs();
    const { batch } = this.#context;
    batch.clear();
    const streams: Generation[] = [];
    const drafting: DraftChain[] = [];
    this.#addVerifyRows(streams);
    this.#addDraftRows(drafting, chain => chain.behind <= draftRowsAtOnce, batch.room);
    const cap = batch.rows > 0 ? promptRowsBesideDecoding : this.#promptRows;
    const before = batch.rows;
    this.#addPromptRows(streams, cap);
    const left = cap - (batch.rows - before);
    this.#addDraftRows(drafting, chain => chain.behind > draftRowsAtOnce, left);
    if (batch.rows === 0) return false;

    const decodeStartUs = nowUs();
    const code = this.#context.decode(batch.rows > before);
    const decodeEndUs = nowUs();
    if (code !== 0) {
      this.#breakDown(code);
      return true;
    }
    const times: TickTimes = {
      tickStartUs,
      decodeStartUs,
      decodeEndUs,
      rows: batch.rows,
      streams: streams.length + drafting.length,
    };
    // Chains first: another thread waits for their answers.
    for (const chain of drafting) this.#advanceChain(chain, times);
    for (const generation of streams) this.#advance(generation, times);
    return true;
  }

  /** Forgets a stream that is over. */
  removeGeneration(generation: Generation): void {
    if (this.generations.delete(generation.stream)) this.freeSequence(generation.sequence);
  }

  /** Forgets a chain. */
  removeChain(chain: DraftChain): void {
    if (this.chains.delete(chain.stream)) this.freeSequence(chain.sequence);
  }

  #addVerifyRows(streams: Generation[]): void {
    const { batch } = this.#context;
    for (const generation of this.generations.values()) {
      if (generation.phase !== 'ready' || generation.verifyRows > batch.outputRoom) continue;
      generation.addVerifyRows();
      streams.push(generation);
    }
  }

  #addDraftRows(drafting: DraftChain[], which: (chain: DraftChain) => boolean, cap: number): void {
    let left = cap;
    for (const chain of this.chains.values()) {
      if (left <= 0) return;
      if (chain.behind <= 0 || drafting.includes(chain) || !which(chain)) continue;
      const added = chain.addRows(left);
      left -= added;
      if (added > 0) drafting.push(chain);
    }
  }

  #addPromptRows(streams: Generation[], cap: number): void {
    let left = cap;
    for (const generation of this.generations.values()) {
      if (left <= 0) return;
      if (generation.phase !== 'prompt') continue;
      const added = generation.addPromptRows(left);
      left -= added;
      if (added > 0) streams.push(generation);
    }
  }

  #advance(generation: Generation, times: TickTimes): void {
    try {
      generation.decoded(times);
    } catch (error) {
      generation.fail(
        error instanceof CodedError
          ? error
          : new CodedError('ENGINE_ERROR', 'the step failed', { cause: error }),
      );
    }
    if (generation.phase === 'done') this.removeGeneration(generation);
  }

  #advanceChain(chain: DraftChain, times: TickTimes): void {
    try {
      chain.decoded(times);
    } catch {
      this.#lose(chain);
    }
  }

  #lose(chain: DraftChain): void {
    chain.lose(SpeculationOffReason.DRAFT_FAILED);
    this.removeChain(chain);
  }

  #breakDown(code: number): void {
    const error = new CodedError('ENGINE_ERROR', `llama_decode failed with code ${code}`);
    for (const generation of [...this.generations.values()]) {
      generation.fail(error);
      this.removeGeneration(generation);
    }
    for (const chain of [...this.chains.values()]) this.#lose(chain);
    this.#onBroken(code);
  }
}
