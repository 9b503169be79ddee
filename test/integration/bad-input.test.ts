import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Outrider, OutriderError } from '@outrider/sdk';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { otherVocabulary } from '../support/other-vocabulary.js';
import { embedded } from '../support/native-engine.js';
import { type Service, startService } from '../support/serve.js';

const onCpu = {
  placement: { devices: 'none' },
  options: { threads: 1, calibrate: false },
} as const;

describe('bad input', () => {
  let directory: string;
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'outrider-roots-'));
    const root = path.join(directory, 'models');
    mkdirSync(path.join(root, 'folder.gguf'), { recursive: true });
    writeFileSync(
      path.join(root, 'story.gguf'),
      'Once upon a time there was no model here.\n'.repeat(50),
    );
    copyFileSync(embedded.draft, path.join(root, 'cut.gguf'));
    truncateSync(path.join(root, 'cut.gguf'), 400_000);
    copyFileSync(embedded.draft, path.join(directory, 'outside.gguf'));
    symlinkSync(path.join(directory, 'outside.gguf'), path.join(root, 'link.gguf'));
    copyFileSync(embedded.draft, path.join(root, 'draft.gguf'));
    otherVocabulary(embedded.draft, path.join(root, 'other-vocabulary.gguf'));
    service = await startService(['--threads', '1', '--threads-draft', '1', '--model-root', root]);
    client = await Outrider.connect(service.address);
  }, 90_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  describe('of a load', () => {
    it.each([
      ['a missing file', { path: 'missing.gguf' }, 'MODEL_FILE_NOT_FOUND', 'NOT_FOUND'],
      ['a directory', { path: 'folder.gguf' }, 'BAD_MODEL_FILE', 'INVALID_ARGUMENT'],
      ['a text file', { path: 'story.gguf' }, 'BAD_MODEL_FILE', 'INVALID_ARGUMENT'],
      ['a truncated file', { path: 'cut.gguf' }, 'BAD_MODEL_FILE', 'INVALID_ARGUMENT'],
      [
        'a path outside the root',
        { path: '../outside.gguf' },
        'PATH_OUTSIDE_ROOT',
        'PERMISSION_DENIED',
      ],
      [
        'a link that leads outside',
        { path: 'link.gguf' },
        'PATH_OUTSIDE_ROOT',
        'PERMISSION_DENIED',
      ],
      [
        'an unknown device',
        { path: 'draft.gguf', placement: { devices: ['FPGA7'] } },
        'UNKNOWN_DEVICE',
        'INVALID_ARGUMENT',
      ],
      [
        'a GPU whose backend is not there',
        { path: 'draft.gguf', placement: { devices: ['CUDA9'] } },
        'BACKEND_UNAVAILABLE',
        'FAILED_PRECONDITION',
      ],
      [
        'none beside another device',
        { path: 'draft.gguf', placement: { devices: ['none', 'CUDA0'] } },
        'PLACEMENT_CONFLICT',
        'INVALID_ARGUMENT',
      ],
      [
        'a device twice',
        { path: 'draft.gguf', placement: { devices: ['CUDA0', 'cuda0'] } },
        'PLACEMENT_CONFLICT',
        'INVALID_ARGUMENT',
      ],
      ['a malformed id', { id: '-x y', path: 'draft.gguf' }, 'INVALID_FIELD', 'INVALID_ARGUMENT'],
    ] as const)('refuses %s', async (_what, request, reason, code) => {
      const before = await resources();

      const error = await failureOf(client.models.load({ ...onCpu, id: 'bad', ...request }));

      expect(error).toMatchObject({ reason, code });
      expect(await resources()).toEqual(before);
      await expectStory();
    });

    it('refuses a draft with another vocabulary, and tells how they differ', async () => {
      const error = await failureOf(
        client.models.load({
          ...onCpu,
          id: 'stranger',
          path: 'other-vocabulary.gguf',
          draftFor: target(),
        }),
      );

      expect(error).toMatchObject({ reason: 'VOCAB_MISMATCH', code: 'FAILED_PRECONDITION' });
      expect(error.metadata).toMatchObject({ kind: 'TOKEN' });
      await expect(client.models.get('stranger')).rejects.toMatchObject({
        reason: 'MODEL_NOT_FOUND',
      });
      await expectStory();
    });

    it('takes the same request twice and refuses other settings under the same id', async () => {
      const request = { ...onCpu, id: 'twice', path: 'draft.gguf' };
      const first = await client.models.load(request);
      const second = await client.models.load(request);
      expect(second.loadTime).toEqual(first.loadTime);

      const error = await failureOf(
        client.models.load({ ...request, options: { ...request.options, contextLength: 128 } }),
      );

      expect(error).toMatchObject({ reason: 'MODEL_EXISTS', code: 'ALREADY_EXISTS' });
      expect(error.metadata['differs']).toContain('options.context_length');
      await client.models.unload('twice');
    });

    it('refuses to unload a model that generates', async () => {
      const story = client.generate({ ...endless(), stats: 'none' });
      const events = story[Symbol.asyncIterator]();
      await events.next();

      const error = await failureOf(client.models.unload(target()));
      await events.return?.();

      expect(error).toMatchObject({ reason: 'MODEL_IN_USE', metadata: { generations: '1' } });
      await expectStory();
    });
  });

  describe('of a generation', () => {
    it.each([
      ['an empty prompt', { prompt: '' }, 'EMPTY_PROMPT', undefined],
      [
        'a prompt longer than the context',
        { prompt: 'far away '.repeat(600) },
        'CONTEXT_EXCEEDED',
        undefined,
      ],
      ['max_tokens 0', { maxTokens: 0 }, 'INVALID_FIELD', 'max_tokens'],
      ['max_tokens above the context', { maxTokens: 513 }, 'INVALID_FIELD', 'max_tokens'],
      ['a negative temperature', { temperature: -0.1 }, 'INVALID_FIELD', 'sampling.temperature'],
      [
        'a temperature that is no number',
        { temperature: NaN },
        'INVALID_FIELD',
        'sampling.temperature',
      ],
      ['top_p 0', { topP: 0 }, 'INVALID_FIELD', 'sampling.top_p'],
      ['top_p above 1', { topP: 1.1 }, 'INVALID_FIELD', 'sampling.top_p'],
      [
        'a draft longer than the batch',
        { speculation: 512 },
        'INVALID_FIELD',
        'speculation.max_draft_tokens',
      ],
      ['an unknown model', { model: 'nobody' }, 'MODEL_NOT_FOUND', undefined],
      ['an unknown draft', { draftModel: 'nobody' }, 'MODEL_NOT_FOUND', undefined],
      ['a model that drafts for itself', { draftModel: undefined }, 'INVALID_FIELD', 'draft_model'],
    ] as const)('refuses %s', async (what, change, reason, field) => {
      const before = await resources();
      const own = what === 'a model that drafts for itself' ? { draftModel: target() } : {};

      const error = await failureOf(client.generate({ ...story(), ...change, ...own }));

      expect(error.reason).toBe(reason);
      // Refusals that no single field causes name none.
      const fields = [...error.fieldViolations.map(violation => violation.field), undefined];
      expect(fields).toContain(field);
      expect(await resources()).toEqual(before);
      await expectStory();
    });
  });

  it('of a client that goes away in mid-stream frees what it used', async () => {
    const leaving = await Outrider.connect(service.address);
    const events = leaving.generate(endless())[Symbol.asyncIterator]();
    for (let seen = 0; seen < 3; seen++) await events.next();
    expect((await client.models.get(target())).activeGenerations).toBe(1);

    const left = events.next().catch(() => undefined);
    await leaving.close();
    await left;

    await untilIdle();
    await expectStory();
  });

  function target(): string {
    return 'models/target';
  }

  function story() {
    return { model: target(), prompt: 'Once upon a time', maxTokens: 12, seed: 1 };
  }

  function endless() {
    return { ...story(), maxTokens: 500, ignoreEos: true };
  }

  async function expectStory(): Promise<void> {
    const { tokenIds, finishReason } = await client.generate({ ...story(), ignoreEos: true });
    expect(tokenIds).toHaveLength(12);
    expect(finishReason).toBe('length');
  }

  async function resources() {
    const models = await client.models.list();
    return models.map(model => ({
      name: model.name,
      state: model.state,
      generations: model.activeGenerations,
      drafts: model.activeDrafts,
      queued: model.queuedGenerations,
    }));
  }

  async function untilIdle(): Promise<void> {
    for (;;) {
      const models = await resources();
      if (models.every(model => model.generations + model.drafts + model.queued === 0)) return;
      await new Promise(resolve => setTimeout(resolve, 5));
    }
  }
});

async function failureOf(work: PromiseLike<unknown>): Promise<OutriderError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OutriderError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
