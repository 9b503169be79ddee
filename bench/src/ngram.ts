import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureLargeModel } from './large-model.js';
import { completeWithOutrider, PLAIN } from './outrider-completion.js';
import { PROMPTS_BY_CLASS, type PromptClass } from './peers/prompts/classes.js';
import { loadTarget, startService } from './service.js';
import { formatSpread, pairedRatios, spread } from './stats.js';
import { partingOf, type TimedCompletion, tokensPerSecond } from './timed-completion.js';
import { warmUp } from './warm-up.js';

/** Text for `--help`. */
export const NGRAM_USAGE = `ngram [--tokens 256] [--threads N] [--llama-dir DIR]
    drafts from n-grams alone against plain decoding, f32 target, prompts and texts that repeat themselves`;

const COPY_HEAVY: readonly PromptClass[] = ['retrieval', 'code'];
const NGRAM = {
  draftModel: null,
  speculation: { mode: 'auto', sources: ['ngram'] },
} as const;

/**
 * Greedy text with drafts from prompt and output against plain decoding, in turns. The model is too small to copy its
 * prompt; what is copied is its own text, which at temperature 0 soon repeats itself.
 * @throws TypeError naming an option that does not exist or a value that is not one
 */
export async function ngram(line: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...line],
    options: {
      tokens: { type: 'string', default: '256' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      'llama-dir': { type: 'string' },
    },
  });
  const tokens = countFrom('--tokens', values.tokens);
  const { path } = ensureLargeModel();
  await using service = await startService(path, values['llama-dir']);
  await warmUp(service.client);
  await loadTarget(service.client, path, countFrom('--threads', values.threads));

  const plain: TimedCompletion[] = [];
  const drafted: TimedCompletion[] = [];
  const prompts = COPY_HEAVY.flatMap(promptClass => PROMPTS_BY_CLASS[promptClass]);
  for (const [turn, prompt] of prompts.entries()) {
    const request = { prompt, tokens };
    if (turn % 2 === 0) plain.push(await completeWithOutrider(service.client, request, PLAIN));
    drafted.push(await completeWithOutrider(service.client, request, NGRAM));
    if (turn % 2 === 1) plain.push(await completeWithOutrider(service.client, request, PLAIN));
  }
  console.log(figures(plain, drafted));
  if (plain.some(({ text }, i) => partingOf(text, drafted[i]?.text ?? '') !== undefined)) {
    console.error('a draft changed a text');
    process.exitCode = 1;
  }
}

function figures(plain: readonly TimedCompletion[], drafted: readonly TimedCompletion[]): string {
  const ratios = pairedRatios(drafted.map(tokensPerSecond), plain.map(tokensPerSecond));
  const sum = (of: (completion: TimedCompletion) => number): number =>
    drafted.reduce((total, completion) => total + of(completion), 0);
  const accepted = sum(({ drafts }) => drafts.accepted) / sum(({ drafts }) => drafts.drafted);
  return (
    `plain ${formatSpread(spread(plain.map(tokensPerSecond)), 1)}, ` +
    `n-grams ${formatSpread(spread(drafted.map(tokensPerSecond)), 1)} tokens/s, ` +
    `ratio ${formatSpread(spread(ratios), 2)}, goal 1.50; ` +
    `${(100 * accepted).toFixed(0)} % of drafted tokens accepted`
  );
}

function countFrom(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 256) {
    throw new TypeError(`${name} must be a whole number from 1 to 256, not "${text}"`);
  }
  return count;
}
