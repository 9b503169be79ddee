import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EMBEDDED } from '../../bench/src/places.js';
import { type Service, startService } from '../support/serve.js';
import { writeTinyGemma } from '../support/tiny-gemma.js';
import { writeTinyMamba } from '../support/tiny-mamba.js';

const runtime = { threads: 1, contextLength: 128, parallelSequences: 2, calibrate: true };
const prompt = 'Once upon a time there was a little king who';

describe('a recurrent model', () => {
  let folder: string;
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'memory-types-'));
    const path = join(folder, 'mamba.gguf');
    writeTinyMamba(EMBEDDED.target, path);
    service = await startService(['--model-root', folder]);
    client = await Outrider.connect(service.address);
    await client.models.load({ id: 'mamba', path, options: runtime });
  }, 60_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (wish: Partial<Parameters<Outrider['generate']>[0]> = {}) =>
    client.generate({ model: 'mamba', prompt, maxTokens: 24, ignoreEos: true, seed: 5, ...wish });

  it('says after its load that it cannot speculate', async () => {
    const { info } = await client.models.get('mamba');

    expect(info).toMatchObject({ architecture: 'mamba', canSpeculate: false });
  });

  it.each([0, 0.8])('writes the same text twice at temperature %d', async temperature => {
    const first = await write({ temperature });
    const second = await write({ temperature });

    expect(first.tokenIds).toHaveLength(24);
    expect(new Set(first.tokenIds).size).toBeGreaterThan(3);
    expect(second.tokenIds).toEqual(first.tokenIds);
  });

  it('evaluates a prompt in full that it has just seen, because its memory cannot be cut', async () => {
    await write();
    const { usage, speculation } = await write();

    expect(usage.cachedTokens).toBe(0);
    expect(speculation?.targetKvReusedTokens).toBe(0);
  });

  it('writes the same text beside another stream as alone', async () => {
    const alone = await write({ temperature: 0.8 });
    const [beside] = await Promise.all([
      write({ temperature: 0.8 }),
      write({ temperature: 0.8, prompt: 'The dog', seed: 9 }),
    ]);

    expect(beside.tokenIds).toEqual(alone.tokenIds);
  });

  it('does not speculate, neither with a draft nor with copies from its text, and says why', async () => {
    const plain = await write({ speculation: 'off' });
    for (const wish of [
      {},
      { draftModel: 'draft', speculation: { onUnavailable: 'best_effort' } },
      { speculation: { sources: ['ngram'], onUnavailable: 'best_effort' } },
    ] as const) {
      const { started, speculation, tokenIds } = await write(wish);

      expect(started.speculation).toMatchObject({
        active: false,
        offReason: 'unsupported_memory_type',
        detail: expect.stringContaining('models/mamba cannot be rolled back'),
      });
      expect(speculation).toMatchObject({ numDraftTokens: 0, numSpecSteps: 0 });
      expect(tokenIds).toEqual(plain.tokenIds);
    }
  });

  it.each([
    ['a draft', { draftModel: 'draft' }],
    ['copies from its text', { speculation: { sources: ['ngram'], onUnavailable: 'require' } }],
  ] as const)('refuses a stream that requires %s', async (_, wish) => {
    await expect(write(wish)).rejects.toMatchObject({
      reason: 'UNSUPPORTED_MEMORY_TYPE',
      metadata: expect.objectContaining({ model: 'models/mamba' }),
    });
  });

  it('drafts for nobody, and says why', async () => {
    const wish = { model: 'target', draftModel: 'mamba' };
    const { started } = await write({
      ...wish,
      speculation: { sources: ['draft_model'], onUnavailable: 'best_effort' },
    });

    expect(started.speculation).toMatchObject({
      active: false,
      offReason: 'unsupported_memory_type',
      detail: expect.stringContaining('models/mamba cannot be rolled back'),
    });
    await expect(write(wish)).rejects.toMatchObject({ reason: 'UNSUPPORTED_MEMORY_TYPE' });
  });

  it('leaves the text of a target that wanted it as a draft to be copied from', async () => {
    const { started } = await write({
      model: 'target',
      draftModel: 'mamba',
      speculation: { onUnavailable: 'best_effort' },
    });

    expect(started.speculation).toMatchObject({
      active: true,
      sources: ['ngram'],
      offReason: 'unsupported_memory_type',
    });
  });
});

describe('a model whose layers see a sliding window', () => {
  let folder: string;
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sliding-window-'));
    service = await startService(['--model-root', folder]);
    client = await Outrider.connect(service.address);
    for (const [id, noise] of [
      ['window', 0],
      ['rough', 0.15],
    ] as const) {
      const path = join(folder, `${id}.gguf`);
      writeTinyGemma(EMBEDDED.target, path, noise);
      await client.models.load({ id, path, options: runtime });
    }
  }, 60_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each([0, 0.8])(
    'writes the same text with a draft as without, behind its window, at temperature %d',
    async temperature => {
      const wish = {
        model: 'window',
        prompt,
        maxTokens: 90,
        ignoreEos: true,
        seed: 3,
        temperature,
      };
      const plain = await client.generate({ ...wish, speculation: 'off', cachePrompt: false });
      const drafted = await client.generate({
        ...wish,
        draftModel: 'rough',
        speculation: { mode: 'fixed', maxDraftTokens: 5 },
      });

      expect(plain.started.speculation.offReason).toBe('disabled');
      expect(drafted.tokenIds).toEqual(plain.tokenIds);
      expect(new Set(plain.tokenIds).size).toBeGreaterThan(3);
      // Were nothing refused, nothing would have been rolled back; were nothing accepted, nothing kept.
      expect(drafted.speculation?.numAcceptedDraftTokens).toBeGreaterThan(10);
      expect(drafted.speculation?.rolledBackTokens).toBeGreaterThan(10);
    },
  );

  it('writes the same text behind a prompt that it has seen as behind a new one', async () => {
    const wish = { model: 'window', ignoreEos: true, seed: 4, temperature: 0.8, maxTokens: 30 };
    const long = await client.generate({ ...wish, prompt, maxTokens: 60 });
    const further = prompt + long.text;
    const cold = await client.generate({ ...wish, prompt: further, cachePrompt: false });
    const warm = await client.generate({ ...wish, prompt: further });

    expect(warm.usage.cachedTokens).toBeGreaterThan(20);
    expect(warm.tokenIds).toEqual(cold.tokenIds);
  });
});
