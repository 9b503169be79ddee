import { type GenerateOptions, type GenerationResult, Outrider } from '@outrider/sdk';
import { ensureLargeModel } from '../large-model.js';
import { startPrivateServer } from '../private-server.js';
import { median } from '../stats.js';
import { comparison, type Figures, figuresLine } from './figures.js';
import { type DemoOptions } from './options.js';
import { paintPrompt, paintTokens, wantsColour } from './paint.js';

const DRAFT_LENGTH = 4;
const ROUNDS = 3;

/** The same text from a 95 million parameter target, plain and speculative in turns, and both speeds. */
export async function runLargeDemo(options: DemoOptions): Promise<void> {
  const { path, madeInMs } = ensureLargeModel();
  if (madeInMs !== undefined) console.log(`made ${path} in ${(madeInMs / 1000).toFixed(1)} s`);
  await using server = await startPrivateServer([
    ...['--model', path, '--alias', 'large', '--model-draft', 'embedded:draft', '--parallel', '1'],
    // A second thread would only wait on a draft this small.
    ...['--threads-draft', '1'],
  ]);
  await using client = await Outrider.connect(server.address);
  const target = await client.models.get('large');
  const parameters = ((target.info?.parameterCount ?? 0) / 1e6).toFixed(1);
  console.log(
    `target: ${parameters}M parameters, ${target.options.threads ?? 0} threads; ` +
      `draft: embedded, ${DRAFT_LENGTH} tokens a step; seed ${options.seed}\n`,
  );

  const { prompt, maxTokens, seed, temperature } = options;
  const sampling = { maxTokens, seed, temperature };
  // The second of two equal prompts would begin where the first has been.
  const request: GenerateOptions = { model: 'large', prompt, ...sampling, cachePrompt: false };
  // The first pass maps the weights; it belongs to neither side.
  await client.generate({ ...request, maxTokens: 8, speculation: 'off' });
  const plain: GenerationResult[] = [];
  const speculative: GenerationResult[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    plain.push(await client.generate({ ...request, speculation: 'off' }));
    speculative.push(await client.generate({ ...request, speculation: DRAFT_LENGTH }));
  }
  report(prompt, plain, speculative);
}

function report(
  prompt: string,
  plain: readonly GenerationResult[],
  speculative: readonly GenerationResult[],
): void {
  const [onePlain] = plain;
  const [oneSpeculative] = speculative;
  if (onePlain === undefined || oneSpeculative === undefined) throw new Error('nothing was run');
  const colour = wantsColour(process.stdout, process.env['NO_COLOR']);
  console.log(paintPrompt(prompt, colour) + paintTokens(oneSpeculative.tokens, colour));
  const withMedian = (results: readonly GenerationResult[], one: GenerationResult): Figures => ({
    ...one,
    timings: { tokensPerSecond: medianSpeed(results) },
  });
  console.log(`\nplain        ${figuresLine(withMedian(plain, onePlain))}`);
  console.log(`speculative  ${figuresLine(withMedian(speculative, oneSpeculative))}`);
  const ratio = medianSpeed(speculative) / medianSpeed(plain);
  console.log(
    `ratio        ${ratio.toFixed(2)} (speeds: medians of ${plain.length} rounds in turns)`,
  );
  const partings = plain.flatMap(one =>
    speculative.map(other => comparison(one.tokenIds, other.tokenIds)),
  );
  console.log([...new Set(partings)].join('; '));
}

function medianSpeed(results: readonly GenerationResult[]): number {
  return median(results.map(({ timings }) => timings.tokensPerSecond ?? NaN));
}
