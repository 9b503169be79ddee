import { Counter, Histogram, type Registry } from 'prom-client';
import { type ModelTally } from './model-tally.js';
import { STEP_BOUNDS_US, type TimeBuckets } from './time-buckets.js';

/** The tallies by model name. */
export type Tallies = ReadonlyMap<string, ModelTally>;

/** Shows tallies as counters and histograms of `registry`. They are read when somebody scrapes. */
export function registerTallies(registry: Registry, tallies: Tallies): void {
  for (const [name, help, read] of COUNTERS) {
    new Counter({
      ...{ name, help, labelNames: ['model'], registers: [registry] },
      collect() {
        this.reset();
        for (const [model, tally] of tallies) this.inc({ model }, read(tally));
      },
    });
  }
  for (const [name, help, read] of POSITION_COUNTERS) {
    new Counter({
      ...{ name, help, labelNames: ['model', 'position'], registers: [registry] },
      collect() {
        this.reset();
        for (const [model, tally] of tallies) {
          for (const [position, count] of read(tally).entries()) {
            this.inc({ model, position }, count);
          }
        }
      },
    });
  }
  for (const row of HISTOGRAMS) new TallyHistogram(registry, tallies, row);
}

type Row<Value> = readonly [name: string, help: string, read: (tally: ModelTally) => Value];

const SPEC = 'outrider_spec_decode';

const COUNTERS: readonly Row<number>[] = [
  ['outrider_prompt_tokens_total', 'Prompt tokens of started streams.', t => t.promptTokens],
  [
    'outrider_prompt_tokens_cached_total',
    'Prompt tokens of completed streams that were not evaluated again.',
    t => t.cachedPromptTokens,
  ],
  ['outrider_generation_tokens_total', 'Tokens that became output.', t => t.generatedTokens],
  ['outrider_steps_total', 'Verify steps, plain ones included.', t => t.steps],
  [`${SPEC}_num_drafts_total`, 'Steps that verified a draft.', t => t.drafts],
  [`${SPEC}_num_draft_tokens_total`, 'Drafted tokens that were verified.', t => t.draftTokens],
  [
    `${SPEC}_num_accepted_tokens_total`,
    "Drafted tokens that were accepted, without the target's own token.",
    t => t.acceptedTokens,
  ],
  [
    `${SPEC}_num_discarded_tokens_total`,
    'Drafted tokens that were never verified.',
    t => t.discardedTokens,
  ],
];

const POSITION_COUNTERS: readonly Row<readonly number[]>[] = [
  [
    `${SPEC}_num_draft_tokens_per_pos_total`,
    'Drafted tokens that were verified, by position in the draft.',
    t => t.draftedAt,
  ],
  [
    `${SPEC}_num_accepted_tokens_per_pos_total`,
    'Drafted tokens that were accepted, by position in the draft.',
    t => t.acceptedAt,
  ],
];

const HISTOGRAMS: readonly Row<TimeBuckets>[] = [
  [
    'outrider_step_seconds',
    'Whole step of one stream: idle + verify + overhead.',
    t => t.stepTimes,
  ],
  ['outrider_step_verify_seconds', "The target's pass that the step was in.", t => t.verifyTimes],
  ['outrider_step_draft_seconds', 'Compute time of the draft of a step.', t => t.draftTimes],
  ['outrider_step_idle_seconds', "The target's thread waited for the draft.", t => t.idleTimes],
  ['outrider_step_overhead_seconds', 'The rest of the step.', t => t.overheadTimes],
];

/** As the library writes it. */
interface HistogramSample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** A histogram whose values are kept elsewhere. */
class TallyHistogram extends Histogram<'model'> {
  readonly #tallies: Tallies;
  readonly #row: Row<TimeBuckets>;

  constructor(registry: Registry, tallies: Tallies, row: Row<TimeBuckets>) {
    const [name, help] = row;
    const buckets = STEP_BOUNDS_US.map(us => us / 1e6);
    super({ name, help, labelNames: ['model'], buckets, registers: [registry] });
    this.#tallies = tallies;
    this.#row = row;
  }

  /** What a registry asks a histogram for, and what the library's own `get` is made of; its types leave it out. */
  async getForPromString() {
    const [name, help, read] = this.#row;
    const values = [...this.#tallies].flatMap(([model, tally]) =>
      histogramValues(name, model, read(tally)),
    );
    return { name, help, type: 'histogram', aggregator: 'sum', values };
  }
}

function histogramValues(
  name: string,
  model: string,
  { counts, sumUs }: TimeBuckets,
): HistogramSample[] {
  let below = 0;
  const buckets = [...counts].map((count, index) => {
    below += count;
    const bound = STEP_BOUNDS_US[index];
    const le = bound === undefined ? '+Inf' : bound / 1e6;
    return { metricName: `${name}_bucket`, labels: { model, le }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { model }, value: sumUs / 1e6 },
    { metricName: `${name}_count`, labels: { model }, value: below },
  ];
}
