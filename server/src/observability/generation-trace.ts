import { type Attributes, context, type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import { type StreamCompletion, type StreamEvent } from '../engine/protocol.js';

/** What is known when a generation gets its sequence. */
export interface Admitted {
  readonly promptTokens: number;
  /** Name of the model that drafts; unset without one. */
  readonly draft: string | undefined;
  /** Dice accept what is drafted. */
  readonly synthetic: boolean;
}

/**
 * One generation as spans below the span of its call: `queue` from its arrival, `prefill` to its first token, `decode`
 * to its last. Totals are attributes of the call's span. No span or attribute holds a prompt, output or token ids.
 */
export class GenerationTrace {
  readonly #tracer = trace.getTracer('outrider');
  // Kept, because events of the engine arrive outside the call.
  readonly #parent = context.active();
  // The clock of spans starts in whole milliseconds of the system's; stages are to meet exactly.
  readonly #epochMs = Date.now() - performance.now();
  readonly #call: Span;
  #stage: Span | undefined;
  #decoding = false;
  #tokens = 0;

  private constructor(call: Span, model: string) {
    this.#call = call;
    call.setAttribute('gen_ai.request.model', model);
    this.#enter('queue');
  }

  /** Begins with `queue`; undefined where nobody records the present call, so that it costs nothing there. */
  static begin(model: string): GenerationTrace | undefined {
    const call = trace.getActiveSpan();
    return call?.isRecording() === true ? new GenerationTrace(call, model) : undefined;
  }

  /** The generation got its sequence. */
  admitted({ promptTokens, draft, synthetic }: Admitted): void {
    this.#call.setAttributes({
      'gen_ai.usage.input_tokens': promptTokens,
      ...(draft === undefined ? {} : { 'outrider.draft_model': draft }),
      ...(synthetic ? { 'outrider.synthetic': true } : {}),
    });
    this.#enter('prefill', { 'gen_ai.usage.input_tokens': promptTokens });
  }

  /** Takes the next event of the engine, whether or not the caller reads it. */
  readonly heard = (event: StreamEvent): void => {
    switch (event.type) {
      case 'started':
        this.#stage?.setAttribute('outrider.cached_tokens', event.cachedTokens);
        return;
      case 'step':
        if (!this.#decoding) this.#enter('decode');
        this.#decoding = true;
        this.#tokens += event.step.tokens.length;
        return;
      case 'completed':
        this.#completed(event.completion);
        return;
      case 'cancelled':
        this.end();
        return;
      case 'failed':
        this.end(event.error.reason);
        return;
    }
  };

  /** Ends the stage that is open, if one is, as failed. @param reason as in an ErrorInfo */
  end(reason = 'CANCELLED'): void {
    const stage = this.#stage;
    if (stage === undefined) return;
    stage.setAttribute('outrider.reason', reason);
    stage.setStatus({ code: SpanStatusCode.ERROR, message: reason });
    this.#leave();
  }

  #completed({ usage, finishReason, speculation }: StreamCompletion): void {
    this.#call.setAttributes({
      'gen_ai.usage.output_tokens': usage.completionTokens,
      'gen_ai.response.finish_reasons': [finishReason.replace('FINISH_REASON_', '').toLowerCase()],
      'outrider.cached_tokens': usage.cachedTokens,
      'outrider.draft_tokens': speculation.numDraftTokens,
      'outrider.accepted_draft_tokens': speculation.numAcceptedDraftTokens,
      'outrider.discarded_draft_tokens': speculation.numDiscardedDraftTokens,
    });
    this.#stage?.setAttributes({
      'outrider.steps': speculation.numSteps,
      'outrider.draft_us': speculation.draftUs,
      'outrider.verify_us': speculation.verifyUs,
      'outrider.idle_us': speculation.idleUs,
      'outrider.overhead_us': speculation.overheadUs,
    });
    this.#leave();
  }

  #enter(name: string, attributes: Attributes = {}): void {
    const startTime = this.#leave();
    this.#stage = this.#tracer.startSpan(name, { attributes, startTime }, this.#parent);
  }

  /** @returns when, in milliseconds since 1970 */
  #leave(): number {
    const nowMs = this.#epochMs + performance.now();
    if (this.#decoding) this.#stage?.setAttribute('gen_ai.usage.output_tokens', this.#tokens);
    this.#stage?.end(nowMs);
    this.#stage = undefined;
    return nowMs;
  }
}
