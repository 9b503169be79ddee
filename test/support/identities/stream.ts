import {
  type GenerateResponse,
  type GenerationCompletion,
  type GenerationStarted,
  type GenerationStep,
  type SpeculationSummary,
  type StepStats,
  type Timings,
  type Usage,
} from '@outrider/sdk/proto';

/** What is known of a stream beside its events. */
export interface IdentityOptions {
  /** The stream was asked for at DETAILED. @default where any step brings draft_tokens */
  readonly detailed?: boolean;
  /** The target can trim its memory at any position, so identity 12 holds. @default true */
  readonly attentionOnly?: boolean;
}

/** One verify step. */
export interface Step {
  readonly event: GenerationStep;
  readonly stats: StepStats;
  readonly last: boolean;
}

/** The parts of a completed stream. */
export interface Stream {
  readonly started: GenerationStarted;
  readonly first: GenerationStep;
  readonly steps: readonly Step[];
  readonly completion: GenerationCompletion;
  readonly usage: Usage;
  readonly timings: Timings;
  readonly summary: SpeculationSummary;
  readonly synthetic: boolean;
  readonly options: IdentityOptions;
}

/** Takes a stream apart; a sentence where its events are not in order or lack a part. */
export function readStream(
  events: readonly GenerateResponse[],
  options: IdentityOptions,
): Stream | string {
  const kinds = events.map(({ event }) => event?.$case ?? 'none');
  if (!/^started( step)+ completion$/.test(kinds.join(' ')))
    return `events are not started, steps, completion: ${kinds.join(' ')}`;
  const all = events.flatMap(({ event }) => (event?.$case === 'step' ? [event.value] : []));
  const [first, ...later] = all;
  const [started] = events.flatMap(({ event }) =>
    event?.$case === 'started' ? [event.value] : [],
  );
  const [completion] = events.flatMap(({ event }) =>
    event?.$case === 'completion' ? [event.value] : [],
  );
  if (first === undefined || started === undefined || completion === undefined)
    return 'an event is missing';
  if (first.stats !== undefined || first.tokens.length !== 1)
    return 'the first step is not one token without stats';
  const steps = later.flatMap((event, index) =>
    event.stats === undefined
      ? []
      : [{ event, stats: event.stats, last: index === later.length - 1 }],
  );
  const { usage, timings, speculation: summary } = completion;
  if (steps.length < later.length) return `${later.length - steps.length} steps carry no stats`;
  if (usage === undefined || timings === undefined || summary === undefined)
    return 'completion lacks usage, timings or speculation';
  if (started.speculation === undefined) return 'started lacks speculation';
  const synthetic = events.some(event => event.synthetic);
  return { started, first, steps, completion, usage, timings, summary, synthetic, options };
}

/** The steps that verified a draft. */
export function speculative(steps: readonly Step[]): StepStats[] {
  return steps.map(({ stats }) => stats).filter(({ numDraftTokens }) => numDraftTokens > 0);
}

/** One figure of all steps together. */
export function sum(steps: readonly Step[], of: (stats: StepStats) => number): number {
  return steps.reduce((total, { stats }) => total + of(stats), 0);
}

/** Numbers in a form that can be compared and read. */
export function list(values: readonly number[]): string {
  return `[${values.join(', ')}]`;
}
