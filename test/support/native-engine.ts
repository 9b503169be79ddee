import { RuntimeOptions, type StepStats } from '@outrider/sdk/proto';
import { pino } from 'pino';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
// Built files: the engine forks itself, which works from dist only.
import { EngineClient } from '../../server/dist/engine/client.js';
import {
  type GenerateSpec,
  type LoadedModel,
  type ResolvedPlacement,
  type SamplingSpec,
  type StreamCompletion,
} from '../../server/dist/engine/protocol.js';

/** The embedded pair's files. */
export const embedded = {
  target: fileURLToPath(new URL('../../models/tales-target-f32.gguf', import.meta.url)),
  draft: fileURLToPath(new URL('../../models/tales-draft-f32.gguf', import.meta.url)),
};

/** Fifty beginnings of texts that the pair was not trained on. */
export const heldOutPrompts = JSON.parse(
  readFileSync(new URL('held-out-prompts.json', import.meta.url), 'utf8'),
) as string[];

/** Everything on the CPU. */
export const onCpu: ResolvedPlacement = {
  devices: [],
  gpuLayers: -1,
  splitMode: 'SPLIT_MODE_LAYER',
  mainDevice: '',
  tensorSplit: [],
  kvOffload: true,
  tensorOverrides: [],
};

/** Greedy, no filters, no penalties. */
export const greedy: SamplingSpec = {
  temperature: 0,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  typicalP: 1,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  penaltyLastN: 64,
  seed: 1,
  logitBias: [],
  ignoreEos: false,
};

/** What a finished stream said. */
export interface Said {
  readonly ids: readonly number[];
  readonly text: string;
  readonly steps: number;
  readonly completion: StreamCompletion;
}

/** Starts an engine process that logs nothing. */
export function startEngine(): Promise<EngineClient> {
  return EngineClient.start({ log: pino({ level: 'silent' }) });
}

/** Starts such an engine with the embedded pair in it, as `models/target` and `models/draft`. */
export async function startPair(options: Partial<RuntimeOptions> = {}): Promise<EngineClient> {
  const engine = await startEngine();
  await loadFile(engine, 'models/target', embedded.target, options);
  await loadFile(engine, 'models/draft', embedded.draft, options);
  return engine;
}

/** Loads a file on the CPU with one thread, which is what a busy machine bears. */
export function loadFile(
  engine: EngineClient,
  model: string,
  path: string,
  options: Partial<RuntimeOptions> = {},
): Promise<LoadedModel> {
  return engine.load(
    {
      model,
      path,
      placement: onCpu,
      options: RuntimeOptions.fromPartial({ threads: 1, calibrate: false, ...options }),
    },
    { signal: new AbortController().signal, onProgress: () => undefined },
  );
}

/**
 * Runs one stream of `models/target` to its end.
 * @param onStep told of each step, with its record unless it is the first. @default nobody is
 */
export async function say(
  engine: EngineClient,
  prompt: string,
  change: Partial<Omit<GenerateSpec, 'promptIds'>> = {},
  onStep: (stats: StepStats | undefined) => void = () => undefined,
): Promise<Said> {
  const promptIds = await engine.tokenize({
    model: 'models/target',
    text: prompt,
    addSpecial: true,
    parseSpecial: true,
  });
  const spec: GenerateSpec = {
    stream: engine.nextStream(),
    model: 'models/target',
    promptIds,
    maxTokens: 32,
    stop: [],
    sampling: greedy,
    speculation: undrafted,
    cachePrompt: false,
    statsLevel: 'STATS_LEVEL_STEPS',
    ...change,
  };
  const ids: number[] = [];
  let text = '';
  let steps = 0;
  for await (const event of engine.generate(spec, new AbortController().signal)) {
    if (event.type === 'completed') return { ids, text, steps, completion: event.completion };
    if (event.type !== 'step') continue;
    steps++;
    onStep(event.step.stats);
    for (const token of event.step.tokens) {
      ids.push(token.id);
      text += token.text;
    }
  }
  throw new Error('the stream ended without a completion');
}

/** Plain decoding. */
export const undrafted = {
  maxDraftTokens: 4,
  minDraftTokens: 0,
  minDraftProbability: 0,
  fixed: true,
  ngram: false,
  overlap: false,
};

/** Drafting so many tokens a step with `models/draft`. */
export function drafting(maxDraftTokens: number): GenerateSpec['speculation'] {
  return { ...undrafted, draftModel: 'models/draft', maxDraftTokens };
}
