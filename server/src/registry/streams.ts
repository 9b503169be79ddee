import { type EffectiveSpeculation, ModelState } from '@outrider/sdk/proto';
import { type CodedError } from '../coded-error.js';
import { type SpeculationSpec } from '../engine/protocol.js';
import { type Held } from './admission.js';
import { DraftSeat } from './draft-seat.js';
import { isReady, type ModelRecord, type ReadyModel, type Stream, unusable } from './record.js';
import { type Shelf } from './shelf.js';
import { unloadedError } from './unload.js';
import { decideSpeculation, learnPair, type WantedSpeculation } from './speculation.js';

/** A generation that wants to begin. */
export interface StreamRequest {
  readonly target: ReadyModel;
  readonly speculation: WantedSpeculation;
  /** Who asks; callers take turns at a model that is busy. */
  readonly caller: string;
  readonly maxTokens: number;
  /** Gives up waiting, and ends the stream. */
  readonly signal: AbortSignal;
  /** Until the deadline, in milliseconds; unset without one. */
  readonly remainingMs: number | undefined;
}

/** A generation that holds its sequences. Whoever opened it closes it. */
export interface OpenStream {
  /** Number for the engine. */
  readonly id: number;
  readonly target: ReadyModel;
  /** The model that drafts now; another one after its replacement. */
  readonly draft: ReadyModel | undefined;
  /** For the engine, at the time of asking. */
  readonly spec: SpeculationSpec;
  readonly effective: EffectiveSpeculation;
  /** The request's own, or that of a forced unload. */
  readonly signal: AbortSignal;
  /** Counts tokens, for the expected wait of others. */
  produced(tokens: number): void;
  /** Remembers how long a completed generation took, in milliseconds. */
  observe(tokens: number, milliseconds: number): void;
  /** Notes why it failed, to find models that bring the engine down. */
  failed(error: CodedError): void;
  /** Gives the sequences back. A second time does nothing. */
  close(): void;
}

/**
 * Waits for a sequence of the target and decides about the draft.
 * @throws CodedError QUEUE_FULL, DEADLINE_EXCEEDED, MODEL_NOT_READY, MODEL_UNLOADING, MODEL_FAILED; the refusals of a
 * required draft; else the signal's reason
 */
export async function openStream(request: StreamRequest, shelf: Shelf): Promise<OpenStream> {
  const { target, speculation, signal } = request;
  // Before the queue, so that nobody waits for a refusal.
  await learnPair(target, speculation, shelf);
  if (!shelf.holds(target) || !isReady(target)) throw unusable(target, shelf.nowMs());
  decideSpeculation(target, speculation, shelf, () => true);
  const held = await target.admission.enter(request);
  try {
    // While it waited the draft may have become another one.
    await learnPair(target, speculation, shelf);
    signal.throwIfAborted();
    assertStill(target, shelf);
    return begin(request, held, shelf);
  } catch (error) {
    target.admission.leave(held);
    target.streamEnded();
    throw error;
  }
}

function assertStill(target: ModelRecord, shelf: Shelf): void {
  if (target.closing) throw unloadedError(target);
  // Queued streams were accepted before a drain began, so DRAINING still serves them.
  if (shelf.holds(target) && (isReady(target) || isDraining(target))) return;
  throw unusable(target, shelf.nowMs());
}

function isDraining(target: ModelRecord): boolean {
  return target.state === ModelState.DRAINING;
}

function begin(request: StreamRequest, held: Held, shelf: Shelf): OpenStream {
  const { target, maxTokens } = request;
  const seat = new DraftSeat(maxTokens);
  const { spec, effective } = decideSpeculation(target, request.speculation, shelf, candidate =>
    seat.take(candidate),
  );
  const own = new AbortController();
  const { engine, crashes } = target.home;
  const id = engine.nextStream();
  const stream: Stream = {
    id,
    target,
    end: (error: CodedError) => own.abort(error),
    detachDraft() {
      if (seat.leave(stream)) engine.detachDraft(id);
    },
    moveDraft(to) {
      if (seat.move(stream, to)) engine.moveDraft(id, to.key);
      else engine.detachDraft(id);
    },
  };
  const signal = AbortSignal.any([request.signal, own.signal]);
  const close = () => {
    signal.removeEventListener('abort', close);
    if (target.generations.delete(stream)) {
      target.admission.leave(held);
      target.streamEnded();
    }
    seat.leave(stream);
  };
  target.generations.add(stream);
  seat.draft?.drafts.add(stream);
  // A handler that is parked on a stalled reader never runs its finally.
  signal.addEventListener('abort', close, { once: true });
  return {
    id,
    target,
    get draft() {
      return seat.draft;
    },
    get spec() {
      return seat.draft === undefined ? spec : { ...spec, draftModel: seat.draft.key };
    },
    effective,
    signal,
    produced: tokens => {
      held.produced += tokens;
    },
    observe: (tokens, milliseconds) => target.admission.observe(tokens, milliseconds),
    failed(error) {
      if (error.reason !== 'ENGINE_RESTARTED') return;
      crashes.blame(target.key);
      if (seat.draft !== undefined) crashes.blame(seat.draft.key);
    },
    close,
  };
}
