import { type GenerateRequest, type GenerateResponse, StatsLevel } from '@outrider/sdk/proto';
import { CodedError, invalidField } from '../coded-error.js';
import { type GenerateSpec, type StreamEvent } from '../engine/protocol.js';
import { GenerationTrace } from '../observability/generation-trace.js';
import { type StreamMeter } from '../observability/stream-meter.js';
import { type ReadyModel } from '../registry/record.js';
import { type OpenStream, type StreamRequest } from '../registry/streams.js';
import { abortFailure, CallDeadline, throwIfAborted } from './call-deadline.js';
import { type CallFacts, type HandlerContext } from './call-context.js';
import { completionView, stepView } from './completion.js';
import { type ServiceParts } from './generate-service.js';
import { limitsOf } from './limits.js';
import { promptIds } from './prompt.js';
import { samplingSpec } from './sampling-defaults.js';
import { wantedSpeculation } from './speculation-defaults.js';
import { untilAborted } from './until-aborted.js';
import { validateGenerate } from './validate/generate.js';

/** One generation, from its request to its completion. */
export async function* generate(
  request: GenerateRequest,
  context: HandlerContext,
  parts: ServiceParts,
): AsyncGenerator<GenerateResponse, void, undefined> {
  const arrivedMs = performance.now();
  const { registry } = parts;
  const { target, input } = accepted(request, parts);
  const deadline = new CallDeadline(context, 'QUEUE');
  const traced = GenerationTrace.begin(target.name);
  let begun = false;
  try {
    const ids = await promptIds(input, target).catch((error: unknown) => {
      // An engine that was asked about a model which has just been replaced knows no better than to fail.
      registry.assertHeld(target);
      throw error;
    });
    throwIfAborted(deadline.signal);
    const maxTokens = request.maxTokens ?? target.loaded.options.contextLength ?? 0;
    const { caller } = context;
    const stream = await openStream(request, { target, caller, maxTokens, deadline }, parts);
    begun = true;
    try {
      const spec = specOf(request, stream, { promptIds: ids, maxTokens }, parts);
      const startedMs = performance.now();
      const queueUs = Math.round((startedMs - arrivedMs) * 1000);
      notePrompt(context.facts, stream, ids.length, queueUs);
      const beginning = { model: target.name, promptTokens: ids.length, arrivedMs };
      const rates = request.speculation?.synthetic?.rates;
      const synthetic = rates !== undefined;
      if (synthetic) warnOfDice(context, rates);
      traced?.admitted({ promptTokens: ids.length, draft: stream.draft?.name, synthetic });
      // Dice are no acceptance: such a stream is not counted.
      const meter = synthetic ? undefined : parts.metrics.stream(beginning);
      yield* events(spec, stream, { context, deadline, queueUs, meter, traced, synthetic });
    } finally {
      stream.close();
    }
  } catch (error) {
    // Whatever an abort broke, the reason of the abort is what happened.
    const failure = deadline.signal.aborted ? abortFailure(deadline.signal) : error;
    if (!begun) countRefusal(request, failure, parts);
    traced?.end(CodedError.from(failure).reason);
    throw failure;
  } finally {
    traced?.end();
    deadline[Symbol.dispose]();
  }
}

function specOf(
  request: GenerateRequest,
  stream: OpenStream,
  prompt: Pick<GenerateSpec, 'promptIds' | 'maxTokens'>,
  { config }: ServiceParts,
): GenerateSpec {
  return {
    ...prompt,
    stream: stream.id,
    model: stream.target.key,
    stop: request.stop,
    sampling: samplingSpec(request.sampling, config.defaults.sampling),
    speculation: stream.spec,
    cachePrompt:
      (request.cachePrompt ?? config.cachePrompt) && request.speculation?.synthetic === undefined,
    ...(request.logprobs === undefined ? {} : { logprobs: request.logprobs }),
    statsLevel: levelOf(request),
  };
}

interface Accepted {
  readonly target: ReadyModel;
  readonly input: NonNullable<GenerateRequest['input']>;
}

/** Checks everything that can be checked without waiting. */
function accepted(request: GenerateRequest, parts: ServiceParts): Accepted {
  const { registry, config } = parts;
  const { input, model } = request;
  try {
    validateGenerate(request, limitsOf(registry.find(model)), config);
    if (input === undefined) throw invalidField('input', 'is missing');
    return { target: registry.ready(model), input };
  } catch (error) {
    countRefusal(request, error, parts);
    throw error;
  }
}

function countRefusal(
  { model }: GenerateRequest,
  error: unknown,
  { registry, metrics }: ServiceParts,
): void {
  const { reason } = CodedError.from(error);
  // Whoever left was not refused.
  if (reason !== 'CANCELLED') metrics.rejected(registry.find(model)?.name ?? '', reason);
}

interface Run {
  readonly context: HandlerContext;
  readonly deadline: CallDeadline;
  readonly queueUs: number;
  /** Unset for a stream that no metric counts. */
  readonly meter: StreamMeter | undefined;
  /** Unset where nobody records. */
  readonly traced: GenerationTrace | undefined;
  /** Dice accept what is drafted. */
  readonly synthetic: boolean;
}

async function* events(
  spec: GenerateSpec,
  stream: OpenStream,
  { context, deadline, queueUs, meter, traced, synthetic }: Run,
): AsyncGenerator<GenerateResponse, void, undefined> {
  const { requestId, facts } = context;
  const began = performance.now();
  const { statsLevel } = spec;
  const response = (event: GenerateResponse['event']): GenerateResponse => ({ event, synthetic });
  deadline.stage = 'PROMPT';
  try {
    const source = stream.target.home.engine.generate(spec, stream.signal, earOf(meter, traced));
    for await (const event of untilAborted(source, stream.signal)) {
      switch (event.type) {
        case 'started':
          yield response({
            $case: 'started',
            value: {
              requestId,
              model: stream.target.name,
              promptTokens: spec.promptIds.length,
              cachedTokens: event.cachedTokens,
              seed: spec.sampling.seed,
              speculation: stream.effective,
              targetPlacement: stream.target.loaded.placement,
              draftPlacement: stream.draft?.loaded.placement,
            },
          });
          break;
        case 'step':
          deadline.stage = 'DECODE';
          stream.produced(event.step.tokens.length);
          yield response({ $case: 'step', value: stepView(event.step, statsLevel) });
          break;
        case 'completed': {
          // Before the yield, so that whoever has read the end finds the sequence free.
          stream.observe(event.completion.usage.completionTokens, performance.now() - began);
          stream.close();
          const value = completionView(event.completion, queueUs, statsLevel);
          noteCompletion(facts, value);
          yield response({ $case: 'completion', value });
          return;
        }
      }
    }
  } catch (error) {
    const coded = CodedError.from(error);
    stream.failed(coded);
    throw stream.signal.aborted ? abortFailure(stream.signal) : coded;
  }
  throwIfAborted(stream.signal);
  throw new Error('the engine ended a stream without a completion');
}

interface Application extends Pick<StreamRequest, 'target' | 'caller' | 'maxTokens'> {
  readonly deadline: CallDeadline;
}

/** Whoever listens to the events of the engine; nobody costs nothing. */
function earOf(
  meter: StreamMeter | undefined,
  traced: GenerationTrace | undefined,
): ((event: StreamEvent) => void) | undefined {
  if (traced === undefined) return meter?.heard;
  return event => {
    meter?.heard(event);
    traced.heard(event);
  };
}

function openStream(
  request: GenerateRequest,
  { deadline, ...application }: Application,
  { registry, config }: ServiceParts,
): Promise<OpenStream> {
  return registry.openStream({
    ...application,
    speculation: wantedSpeculation(request, config.defaults.speculation),
    signal: deadline.signal,
    remainingMs: deadline.remainingMs,
  });
}

function levelOf({ statsLevel }: GenerateRequest): StatsLevel {
  return statsLevel === StatsLevel.UNSPECIFIED ? StatsLevel.STEPS : statsLevel;
}

function warnOfDice({ log, facts }: HandlerContext, rates: readonly number[]): void {
  facts['synthetic'] = true;
  log.warn({ rates }, 'drafts are accepted by dice: the text of this stream is not real output');
}

function notePrompt(facts: CallFacts, stream: OpenStream, prompt: number, queueUs: number): void {
  facts['model'] = stream.target.name;
  facts['prompt'] = prompt;
  facts['queueMs'] = Math.round(queueUs / 1000);
  if (stream.draft !== undefined) facts['draft'] = stream.draft.name;
}

function noteCompletion(facts: CallFacts, completion: ReturnType<typeof completionView>): void {
  const { usage, timings, speculation, finishReason } = completion;
  facts['finish'] = finishReason;
  facts['generated'] = usage?.completionTokens ?? 0;
  facts['firstTokenMs'] = Math.round((timings?.timeToFirstTokenUs ?? 0) / 1000);
  if (speculation === undefined) return;
  facts['drafted'] = speculation.numDraftTokens;
  facts['accepted'] = speculation.numAcceptedDraftTokens;
}
