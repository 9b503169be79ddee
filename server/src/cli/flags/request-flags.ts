import { type GenerateRequest, StatsLevel } from '@outrider/sdk/proto';
import { usage } from '../failure.js';
import { type FieldFlag, type Flag } from './flag.js';
import { choice, count, integer } from './values.js';

const statsLevel = choice({
  none: StatsLevel.NONE,
  summary: StatsLevel.SUMMARY,
  steps: StatsLevel.STEPS,
  detailed: StatsLevel.DETAILED,
});

/** Flags that say what is continued. */
export const PROMPT_FLAGS: readonly Flag[] = [
  { name: 'prompt', aliases: ['-p'], value: 'TEXT', help: 'text to continue' },
  { name: 'file', aliases: ['-f'], value: 'FILE', help: 'file with the prompt; -: standard input' },
  { name: 'chat', help: "send the prompt as a user's message through the chat template" },
];

/** Flags of `GenerateRequest` itself. */
export const REQUEST_FLAGS: readonly FieldFlag<GenerateRequest>[] = [
  {
    name: 'max-tokens',
    aliases: ['-n', '--predict'],
    value: 'N',
    help: 'most tokens to generate (128); -1: to the end of the context',
    set: (into, text) => {
      into.maxTokens = maxTokens(text);
    },
  },
  {
    name: 'stop',
    value: 'TEXT',
    repeatable: true,
    help: 'end before this text',
    set: (into, text) => {
      into.stop.push(text);
    },
  },
  {
    name: 'logprobs',
    value: 'N',
    help: 'report log probabilities and N alternatives (with --json)',
    set: (into, text) => {
      into.logprobs = count(text);
    },
  },
  {
    name: 'stats',
    value: 'LEVEL',
    help: 'none, summary, steps, detailed',
    set: (into, text) => {
      into.statsLevel = statsLevel(text);
    },
  },
];

function maxTokens(text: string): number | undefined {
  const value = integer(text);
  if (value === -1) return undefined;
  if (value < 1) throw usage(`"${text}" is neither a number of tokens nor -1`);
  return count(text);
}
