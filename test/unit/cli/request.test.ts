import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { GenerateRequest } from '@outrider/sdk/proto';
import { PROMPT_FLAGS, REQUEST_FLAGS } from '../../../server/src/cli/flags/request-flags.js';
import { SAMPLING_FLAGS } from '../../../server/src/cli/flags/sampling-flags.js';
import { SPECULATION_FLAGS } from '../../../server/src/cli/flags/speculation-flags.js';
import { generateRequest, promptText } from '../../../server/src/cli/request.js';
import { recordingIo } from './recording-io.js';
import { settingsOf } from './settings-of.js';

const FLAGS = [...PROMPT_FLAGS, ...REQUEST_FLAGS, ...SAMPLING_FLAGS, ...SPECULATION_FLAGS];

/** Words of the command line, and the JSON of what they add to the request. */
const FIELDS: readonly [string, object][] = [
  ['--max-tokens 7', { maxTokens: 7 }],
  ['--stop END --stop ###', { stop: ['END', '###'] }],
  ['--logprobs 3', { logprobs: 3 }],
  ['--stats detailed', { statsLevel: 'STATS_LEVEL_DETAILED' }],
  ['--temp 0', { sampling: { temperature: 0 } }],
  ['--top-k 10', { sampling: { topK: 10 } }],
  ['--top-p 0.5', { sampling: { topP: 0.5 } }],
  ['--min-p .25', { sampling: { minP: 0.25 } }],
  ['--typical 0.75', { sampling: { typicalP: 0.75 } }],
  ['--repeat-penalty 1.5', { sampling: { repetitionPenalty: 1.5 } }],
  ['--repeat-last-n 32', { sampling: { penaltyLastN: 32 } }],
  ['--presence-penalty -1', { sampling: { presencePenalty: -1 } }],
  ['--frequency-penalty 2', { sampling: { frequencyPenalty: 2 } }],
  ['--seed 42', { sampling: { seed: 42 } }],
  [
    '--logit-bias 15+1.5 --logit-bias 3-100',
    {
      sampling: {
        logitBias: [
          { tokenId: 15, bias: 1.5 },
          { tokenId: 3, bias: -100 },
        ],
      },
    },
  ],
  ['--ignore-eos', { sampling: { ignoreEos: true } }],
  ['--speculation auto', { speculation: { mode: 'SPECULATION_MODE_AUTO' } }],
  ['--speculation off', { speculation: { mode: 'SPECULATION_MODE_OFF' } }],
  ['--speculation 5', { speculation: { mode: 'SPECULATION_MODE_FIXED', maxDraftTokens: 5 } }],
  ['--draft-max 8', { speculation: { maxDraftTokens: 8 } }],
  ['--draft-min 2', { speculation: { minDraftTokens: 2 } }],
  ['--draft-p-min 0.5', { speculation: { minDraftProbability: 0.5 } }],
  ['--draft-source draft-model', { speculation: { sources: ['DRAFT_SOURCE_DRAFT_MODEL'] } }],
  ['--overlap off', { speculation: { overlap: 'OVERLAP_OFF' } }],
  ['--require-speculation', { speculation: { onUnavailable: 'UNAVAILABLE_POLICY_REQUIRE' } }],
];

describe('a generation of the command line', () => {
  it('asks for 128 tokens of plain text and leaves the rest to the server', async () => {
    expect(await requestOf([])).toEqual({ model: 'models/m', text: 'Once', maxTokens: 128 });
  });

  it.each(FIELDS)('with %s sets that field alone', async (words, field) => {
    expect(await requestOf(words.split(' '))).toEqual({
      model: 'models/m',
      text: 'Once',
      maxTokens: 128,
      ...field,
    });
  });

  it('has every flag in the list above', () => {
    const tried = FIELDS.flatMap(([words]) => words.match(/--[a-z-]+/g) ?? []);
    const flags = [...REQUEST_FLAGS, ...SAMPLING_FLAGS, ...SPECULATION_FLAGS];

    expect([...new Set(tried)]).toEqual(flags.map(flag => `--${flag.name}`));
  });

  it('goes on to the end of the context with -n -1', async () => {
    expect(await requestOf(['-n', '-1'])).toEqual({ model: 'models/m', text: 'Once' });
  });

  it('leaves a random seed to the server with -s -1', async () => {
    expect(await requestOf(['-s', '-1'])).toMatchObject({ sampling: {} });
  });

  it("sends the prompt as a user's message with --chat", async () => {
    const request = await requestOf(['--chat']);

    expect(request).toMatchObject({
      chat: { messages: [{ role: 'CHAT_ROLE_USER', content: 'Once' }] },
    });
  });

  it.each([
    [['-n', '0'], '--max-tokens: "0" is neither a number of tokens nor -1'],
    [['--temp', 'hot'], '--temp: "hot" is not a number'],
    [['--temp', 'NaN'], '--temp: "NaN" is not a number'],
    [['--logit-bias', '15'], '--logit-bias: "15" is not ID+BIAS or ID-BIAS'],
    [['--speculation', 'fast'], '--speculation: "fast" is neither auto nor off nor a number'],
    [['--draft-source', 'tree'], '--draft-source: "tree" is none of draft-model, ngram'],
    [['--overlap', 'yes'], '--overlap: "yes" is none of auto, off, on'],
    [['--speculation', '4', '--draft-max', '8'], '--speculation already fixes the number'],
    [['--stats', 'all'], '--stats: "all" is none of none, summary, steps, detailed'],
  ])('is refused for %j', async (argv, complaint) => {
    await expect(requestOf(argv)).rejects.toThrow(complaint);
  });
});

describe('the prompt', () => {
  it('is the text of --prompt', async () => {
    expect(await promptOf(['-p', 'Hello'])).toBe('Hello');
  });

  it('is a file without its last line break', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'outrider-prompt-'));
    try {
      await writeFile(join(folder, 'prompt.txt'), 'One\nTwo\n\n');

      expect(await promptOf(['-f', join(folder, 'prompt.txt')])).toBe('One\nTwo\n');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is standard input for the file -', async () => {
    expect(await promptOf(['-f', '-'])).toBe('from a pipe');
  });

  it('falls back only where there is something to fall back on', async () => {
    expect(await promptOf([], 'Once upon a time')).toBe('Once upon a time');
    await expect(promptOf([])).rejects.toThrow('--prompt or --file is missing');
  });

  it('cannot be given twice', async () => {
    await expect(promptOf(['-p', 'a', '-f', 'b'])).rejects.toThrow('exclude each other');
  });

  it('names the flag when the file cannot be read', async () => {
    await expect(promptOf(['-f', '/does/not/exist'])).rejects.toThrow(/^--file: .*ENOENT/);
  });
});

async function requestOf(argv: readonly string[]): Promise<unknown> {
  const settings = await settingsOf(FLAGS, argv);
  return GenerateRequest.toJSON(generateRequest(settings, 'models/m', 'Once'));
}

async function promptOf(argv: readonly string[], fallback?: string): Promise<string> {
  const settings = await settingsOf(FLAGS, argv);
  return promptText(settings, recordingIo({ input: 'from a pipe\n' }), fallback);
}
