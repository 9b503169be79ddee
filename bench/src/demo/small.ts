import { type GenerateOptions, Outrider } from '@outrider/sdk';
import { startPrivateServer } from '../private-server.js';
import { comparison, figuresLine } from './figures.js';
import { type DemoOptions } from './options.js';
import { acceptanceBars, acceptanceStrip, paintPrompt, paintTokens, wantsColour } from './paint.js';

const DRAFT_LENGTH = 4;

/** One text of the embedded pair with every drafted token marked, and why that is not about speed. */
export async function runSmallDemo(options: DemoOptions): Promise<void> {
  await using server = await startPrivateServer(['--parallel', '1']);
  await using client = await Outrider.connect(server.address);
  const { prompt, maxTokens, seed, temperature } = options;
  const sampling = { maxTokens, seed, temperature };
  // The second of two equal prompts would begin where the first has been.
  const request: GenerateOptions = { model: 'target', prompt, ...sampling, cachePrompt: false };

  const plain = await client.generate({ ...request, speculation: 'off' });
  const colour = wantsColour(process.stdout, process.env['NO_COLOR']);
  process.stdout.write(paintPrompt(prompt, colour));
  const story = client.generate({ ...request, speculation: DRAFT_LENGTH });
  const accepted: number[] = [];
  for await (const event of story) {
    if (event.type !== 'step') continue;
    process.stdout.write(paintTokens(event.tokens, colour));
    if (event.stats !== undefined) accepted.push(event.stats.numAcceptedDraftTokens);
  }
  const speculative = await story.result();

  console.log(`\n\nAccepted per step, of ${DRAFT_LENGTH} drafted:`);
  for (const line of acceptanceStrip(accepted)) console.log(`  ${line}`);
  const bars = acceptanceBars(speculative.speculation?.acceptanceHistogram ?? []);
  for (const line of bars) console.log(`  ${line}`);
  console.log(`\nspeculative  ${figuresLine(speculative)}`);
  console.log(
    `plain        ${figuresLine(plain)}; ${comparison(plain.tokenIds, speculative.tokenIds)}`,
  );
  console.log(EXPLANATION);
}

const EXPLANATION = `
The draft length is fixed at ${DRAFT_LENGTH} so that there is acceptance to see. On a target this small speculation
cannot pay: a step of the draft costs nearly as much as one of the target. Speed needs a target whose
steps are dear: npm run demo -- --large`;
