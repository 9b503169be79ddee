import { type Outrider, type StepStats } from '@outrider/sdk';
import { RuntimeOptions } from '@outrider/sdk/proto';
import { resolveLibrary } from '../../../server/dist/engine/llama/library.js';
import { decideOptions } from '../../../server/dist/engine/options.js';
import { PROMPTS } from '../prompts.js';
import { CONTEXT_LENGTH, loadDraft, loadTarget, startService } from '../service.js';
import { formatSpread, median, pairedRatios, spread, type Spread } from '../stats.js';
import { warmUp } from '../warm-up.js';
import { type OverheadOptions } from './options.js';
import { type RawDecoder, startRawDecoder } from './raw-decoder.js';
import { type RawSchedule } from './raw-messages.js';

/** Engine steps of one size against the decode inside them. */
export interface StepOverhead {
  readonly rows: number;
  readonly threads: number;
  /** Of an engine step without waiting for its draft, in microseconds. */
  readonly engineUs: Spread;
  /** Of that, what is outside the decode: choosing, trimming, messages, statistics. */
  readonly outsideUs: Spread;
  /** Of the same passes without the engine, in microseconds. */
  readonly rawUs: Spread;
  /** Engine over raw, step by step at the same length of the cache; one median per round. */
  readonly ratio: Spread;
}

const ROWS = [1, 4, 8];
const TOKENS = 96;
const WARM_UP_PROMPTS = 4;

/** Compares the engine's steps of 1, 4 and 8 rows with the same passes made directly, in turns. */
export async function measureSteps(
  model: string,
  options: OverheadOptions,
  report: (line: string) => void,
): Promise<StepOverhead[]> {
  const results: StepOverhead[] = [];
  const library = await resolveLibrary({ directory: options.llamaDir });
  for (const threads of options.threads) {
    await using service = await startService(model, options.llamaDir);
    await warmUp(service.client);
    await loadTarget(service.client, model, threads);
    await loadDraft(service.client);
    const requested = RuntimeOptions.fromPartial({
      threads,
      contextLength: CONTEXT_LENGTH,
      parallelSequences: 1,
    });
    await using raw = await startRawDecoder({
      ...library,
      path: model,
      options: decideOptions(requested, { trainedContextLength: CONTEXT_LENGTH, fileBytes: 0 })
        .options,
    });
    for (const rows of ROWS) {
      const result = await compare(service.client, raw, rows, threads, options.rounds);
      report(
        `${rows} rows, ${threads} threads: engine ${formatSpread(result.engineUs, 0)} µs, of which ` +
          `${formatSpread(result.outsideUs, 0)} outside the decode; raw ${formatSpread(result.rawUs, 0)} µs; ` +
          `ratio ${formatSpread(result.ratio)}`,
      );
      results.push(result);
    }
  }
  return results;
}

async function compare(
  client: Outrider,
  raw: RawDecoder,
  rows: number,
  threads: number,
  rounds: number,
): Promise<StepOverhead> {
  const engineUs: number[] = [];
  const outsideUs: number[] = [];
  const rawUs: number[] = [];
  const ratios: number[] = [];
  // A service that has run for a while is what is compared: until then V8 still interprets parts of ours.
  for (const prompt of PROMPTS.slice(0, WARM_UP_PROMPTS)) await generate(client, prompt, rows);
  for (let round = 0; round < rounds; round += 1) {
    const prompt = PROMPTS[round % PROMPTS.length] ?? '';
    // Greedy: the warm-up makes the same steps as the run that counts, so the raw side may go first.
    const { schedule } = await generate(client, prompt, rows);
    let stepsUs: readonly number[] = [];
    if (round % 2 === 0) stepsUs = await raw.replay(schedule);
    const measured = await generate(client, prompt, rows);
    if (round % 2 === 1) stepsUs = await raw.replay(schedule);

    const whole = measured.stepsUs.flatMap((_, i) => (schedule.steps[i]?.rows === rows ? [i] : []));
    const ours = whole.map(i => measured.stepsUs[i] ?? NaN);
    outsideUs.push(median(whole.map(i => measured.outsideUs[i] ?? NaN)));
    const theirs = whole.map(i => stepsUs[i] ?? NaN);
    engineUs.push(median(ours));
    rawUs.push(median(theirs));
    ratios.push(median(pairedRatios(ours, theirs)));
  }
  return {
    rows,
    threads,
    engineUs: spread(engineUs),
    outsideUs: spread(outsideUs),
    rawUs: spread(rawUs),
    ratio: spread(ratios),
  };
}

interface TimedGeneration {
  readonly schedule: RawSchedule;
  readonly stepsUs: readonly number[];
  readonly outsideUs: readonly number[];
}

/** A generation whose steps have `rows` rows wherever the token limit allows. */
async function generate(client: Outrider, prompt: string, rows: number): Promise<TimedGeneration> {
  const steps: StepStats[] = [];
  const generation = client.generate({
    model: 'big',
    draftModel: rows === 1 ? null : 'small',
    speculation: rows === 1 ? 'off' : rows - 1,
    prompt,
    maxTokens: TOKENS,
    temperature: 0,
    ignoreEos: true,
    cachePrompt: false,
  });
  for await (const step of generation.steps()) steps.push(step);
  const { usage } = await generation.result();
  return {
    schedule: {
      promptTokens: usage.promptTokens,
      steps: steps.map(step => ({
        rows: step.numDraftTokens + 1,
        kept: step.numAcceptedDraftTokens + 1,
      })),
    },
    stepsUs: steps.map(step => step.stepUs - step.idleUs),
    outsideUs: steps.map(step => step.overheadUs),
  };
}
