import { SpeculationOffReason } from '@outrider/sdk/proto';
import { CodedError } from '../../coded-error.js';
import { type Context } from '../llama/context.js';
import { type AbortFlag } from './abort-flag.js';
import { nowUs, type TickTimes } from './decoder.js';
import { type DraftChain } from './draft-chain.js';
import { type Generation } from './generation.js';
import { type KvMemory, PrefixCache } from './prefix-cache.js';

/** What a scheduler needs of the context: the batch, one pass, and what is done to its KV. */
export interface SchedulerContext extends KvMemory, Pick<Context, 'decode'> {
  readonly batch: Pick<Context['batch'], 'rows' | 'room' | 'outputRoom' | 'clear' | 'add'>;
}

// A long prompt must not stall the streams that are decoding.
const promptRowsBesideDecoding = 256;
// A chain that is further behind than any verdict leaves it is reading its prompt.
const draftRowsAtOnce = 66;

/** Who hears of what went wrong in a tick. */
export interface SchedulerListeners {
  /** After a failed pass, with llama.cpp's code, when the streams and chains it concerns have ended. */
  readonly onBroken: (code: number) => void;
  /** With an error that no caller of the service will see the cause of. */
  readonly onBug: (error: unknown) => void;
  /** Before every pass, with its rows. @default nobody does */
  readonly onPass?: (rows: number) => void;
}

// llama.cpp says so of a pass that changed nothing: no free cells, or a batch that it refuses.
const noCellsCode = 1;
const harmlessCodes: readonly number[] = [noCellsCode, -1];
const abortedCode = 2;
/** From here on down a backend has failed: the process is given up. */
export const fatalCode = -2;
const restartAfterMs = 200;

/**
 * Fills one batch per tick with verify rows, draft rows that another thread waits for, and prompt chunks. Whoever had rows in
 * a batch goes to the end of the line, and what found no room comes first in the next one.
 */
export class Scheduler {
  readonly #context: SchedulerContext;
  readonly #promptRows: number;
  readonly #listeners: SchedulerListeners;
  readonly #abort: AbortFlag | undefined;
  readonly #cache: PrefixCache;
  readonly #generations = new Map<number, Generation>();
  readonly #chains = new Map<number, DraftChain>();
  #skipped: readonly Generation[] = [];

  /**
   * @param sequences sequences of the context
   * @param promptRows most prompt rows of one pass, so that a cancellation is seen soon
   * @param abort what another thread gives up a pass with. @default no pass is
   */
  constructor(
    context: SchedulerContext,
    sequences: number,
    promptRows: number,
    listeners: SchedulerListeners,
    abort?: AbortFlag,
  ) {
    this.#context = context;
    this.#promptRows = promptRows;
    this.#listeners = listeners;
    this.#abort = abort;
    this.#cache = new PrefixCache(context, sequences);
  }

  /** Streams by number. */
  get generations(): ReadonlyMap<number, Generation> {
    return this.#generations;
  }

  /** Draft chains by the number of their stream. */
  get chains(): ReadonlyMap<number, DraftChain> {
    return this.#chains;
  }

  /** Takes a stream up; it begins as soon as a sequence is free. */
  addGeneration(generation: Generation): void {
    this.#generations.set(generation.stream, generation);
  }

  /** Takes a chain up; it begins as soon as a sequence is free. */
  addChain(chain: DraftChain): void {
    this.#chains.set(chain.stream, chain);
  }

  /** Positions in KV: of streams and chains, and kept of those that are over. */
  get kvUsed(): number {
    return this.#cache.held;
  }

  /** Of these, those kept: they give way to whoever needs the room. */
  get kvKept(): number {
    return this.#cache.kept;
  }

  /** Runs one batch. False: there was nothing to run. */
  tick(): boolean {
    if (this.#waitsForDrafts) return false;
    const tickStartUs = nowUs();
    const { batch } = this.#context;
    batch.clear();
    const streams: Generation[] = [];
    const drafting: DraftChain[] = [];
    const cap = this.#decoding
      ? Math.min(promptRowsBesideDecoding, this.#promptRows)
      : this.#promptRows;
    let promptRows = this.#addStreams(streams, this.#skipped, cap);
    this.#addDraftRows(drafting, chain => chain.behind <= draftRowsAtOnce, batch.room);
    promptRows += this.#addStreams(streams, this.#generations.values(), cap - promptRows);
    promptRows += this.#addDraftRows(
      drafting,
      chain => chain.behind > draftRowsAtOnce,
      cap - promptRows,
    );
    this.#skipped = this.#waitingFor(streams);
    if (batch.rows === 0) return false;

    this.#abort?.begin(this.#mayBeGivenUp(streams, drafting));
    this.#listeners.onPass?.(batch.rows);
    const decodeStartUs = nowUs();
    const code = this.#decode(promptRows > 0);
    const decodeEndUs = nowUs();
    this.#abort?.end();
    // Nothing was evaluated; what the chain feeds next is known once its target's word is read.
    if (code === abortedCode) return true;
    if (code !== 0) {
      this.#breakDown(code, streams, drafting);
      return true;
    }
    const times: TickTimes = {
      tickStartUs,
      decodeStartUs,
      decodeEndUs,
      rows: batch.rows,
      streams: streams.length,
      mixed: promptRows > 0 || drafting.length > 0,
    };
    // Chains first: another thread waits for their answers.
    for (const chain of drafting) this.#advanceChain(chain, times);
    for (const generation of streams) this.#advance(generation, times);
    return true;
  }

  /** Runs the batch; what is kept for newcomers gives way where it does not fit. */
  #decode(prompt: boolean): number {
    this.#cache.makeRoom(this.#context.batch.rows);
    let code = this.#context.decode(prompt);
    while (code === noCellsCode && this.#cache.evict()) code = this.#context.decode(prompt);
    return code;
  }

  /** The stream whose chain has the pass for itself, where that is one that leaves nothing behind when it is aborted. */
  #mayBeGivenUp(
    streams: readonly Generation[],
    drafting: readonly DraftChain[],
  ): number | undefined {
    const whole = this.#context.batch.rows <= Math.min(draftRowsAtOnce, this.#promptRows);
    return whole && streams.length === 0 && drafting.length === 1 ? drafting[0]?.stream : undefined;
  }

  /** Forgets a stream that is over. */
  removeGeneration(generation: Generation): void {
    if (this.#generations.delete(generation.stream)) this.#cache.unseat(generation);
  }

  /** Forgets a chain. */
  removeChain(chain: DraftChain): void {
    if (this.#chains.delete(chain.stream)) this.#cache.unseat(chain);
  }

  /** Whether a stream would be held up by a long prompt pass; one that waits for its draft is back soon. */
  get #decoding(): boolean {
    for (const { phase } of this.#generations.values())
      if (phase === 'drafting' || phase === 'ready') return true;
    return false;
  }

  /** Whether all that could run are streams which had better be verified together with some that still draft. */
  get #waitsForDrafts(): boolean {
    if (this.#chains.size > 0) return false;
    let near = false;
    for (const generation of this.#generations.values()) {
      if (generation.phase === 'prompt') return false;
      near ||= generation.isNear;
    }
    return near;
  }

  /** Streams that wanted rows and got none. */
  #waitingFor(served: readonly Generation[]): Generation[] {
    if (served.length === this.#generations.size) return [];
    return [...this.#generations.values()].filter(
      generation =>
        generation.sequence !== undefined &&
        (generation.phase === 'ready' || generation.phase === 'prompt') &&
        !served.includes(generation),
    );
  }

  /** Adds verify rows and, at most `cap` of them, prompt rows; returns how many prompt rows. */
  #addStreams(served: Generation[], candidates: Iterable<Generation>, cap: number): number {
    const { batch } = this.#context;
    let promptRows = 0;
    for (const generation of candidates) {
      if (served.includes(generation)) continue;
      if (generation.phase === 'ready') {
        if (generation.verifyRows > batch.outputRoom) continue;
        generation.addVerifyRows();
      } else {
        if (generation.phase !== 'prompt' || promptRows >= cap) continue;
        if (!this.#cache.seat(generation)) continue;
        const added = generation.addPromptRows(cap - promptRows);
        if (added === 0) continue;
        promptRows += added;
      }
      served.push(generation);
    }
    return promptRows;
  }

  /** Adds at most `cap` rows of chains; returns how many. */
  #addDraftRows(
    drafting: DraftChain[],
    which: (chain: DraftChain) => boolean,
    cap: number,
  ): number {
    let rows = 0;
    for (const chain of this.#chains.values()) {
      if (rows >= cap) break;
      if (chain.behind <= 0 || drafting.includes(chain) || !which(chain)) continue;
      if (!this.#cache.seat(chain)) continue;
      const added = chain.addRows(cap - rows);
      rows += added;
      if (added > 0) drafting.push(chain);
    }
    return rows;
  }

  #advance(generation: Generation, times: TickTimes): void {
    try {
      generation.decoded(times);
    } catch (error) {
      if (!(error instanceof CodedError)) this.#listeners.onBug(error);
      generation.fail(
        error instanceof CodedError ? error : new CodedError('ENGINE_ERROR', 'the step failed'),
      );
    }
    if (generation.phase === 'done') this.removeGeneration(generation);
    else toTheEnd(this.#generations, generation);
  }

  #advanceChain(chain: DraftChain, times: TickTimes): void {
    try {
      chain.decoded(times);
      toTheEnd(this.#chains, chain);
    } catch (error) {
      this.#listeners.onBug(error);
      this.#lose(chain);
    }
  }

  #lose(chain: DraftChain): void {
    chain.lose(SpeculationOffReason.DRAFT_FAILED);
    this.removeChain(chain);
  }

  #breakDown(code: number, streams: readonly Generation[], drafting: readonly DraftChain[]): void {
    const harmless = harmlessCodes.includes(code);
    const error = failureOf(code);
    for (const generation of harmless ? streams : [...this.#generations.values()]) {
      generation.fail(error);
      this.removeGeneration(generation);
    }
    for (const chain of harmless ? drafting : [...this.#chains.values()]) this.#lose(chain);
    if (!harmless) this.#cache.clear();
    this.#listeners.onBroken(code);
  }
}

function failureOf(code: number): CodedError {
  const failed = `llama_decode failed with code ${code}`;
  if (code > fatalCode) return new CodedError('ENGINE_ERROR', failed);
  return new CodedError('ENGINE_RESTARTED', `${failed}; the engine process is being restarted`, {
    retryAfterMs: restartAfterMs,
  });
}

function toTheEnd<Lane extends { readonly stream: number }>(
  lanes: Map<number, Lane>,
  lane: Lane,
): void {
  lanes.delete(lane.stream);
  lanes.set(lane.stream, lane);
}
