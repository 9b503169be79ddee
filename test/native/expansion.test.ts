import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expandModel, type Expansion } from '../../bench/src/expand.js';
import { EMBEDDED } from '../../bench/src/places.js';
import { PROMPTS } from '../../bench/src/prompts.js';
import { type Service, startService } from '../support/serve.js';

const RUNTIME = { threads: 1, contextLength: 256, parallelSequences: 1, calibrate: false };

describe('an expansion of the embedded target', () => {
  let folder: string;
  let service: Service;
  let client: Outrider;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'expansion-'));
    service = await startService(['--model-root', folder]);
    client = await Outrider.connect(service.address);
    await client.models.load({ id: 'source', uri: 'embedded:target', options: RUNTIME });
  }, 60_000);

  afterAll(async () => {
    await client.close();
    await service.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const load = async (id: string, expansion: Expansion): Promise<void> => {
    const path = join(folder, `${id}.gguf`);
    expandModel(EMBEDDED.target, path, expansion);
    await client.models.load({ id, path, options: RUNTIME });
  };
  const write = async (model: string, prompt: string): Promise<number[]> => {
    const { tokenIds } = await client.generate({
      model,
      prompt,
      temperature: 0,
      maxTokens: 40,
      speculation: 'off',
    });
    return tokenIds;
  };

  it.each<[string, Expansion]>([
    ['wider by a square number', { width: 640, layers: 5, feedForward: 432 }],
    ['wider, deeper and with more feed-forward', { width: 320, layers: 7, feedForward: 600 }],
  ])(
    'that is %s writes the same tokens',
    async (name, expansion) => {
      const id = name.replaceAll(/\W+/g, '-');
      await load(id, expansion);

      for (const prompt of PROMPTS.slice(0, 3)) {
        const expected = await write('source', prompt);

        expect(await write(id, prompt)).toEqual(expected);
        expect(new Set(expected).size).toBeGreaterThan(5);
      }
    },
    60_000,
  );

  it('accepts the drafts of the embedded draft', async () => {
    await load('grown', { width: 320, layers: 7, feedForward: 600 });
    await client.models.load({
      id: 'helper',
      uri: 'embedded:draft',
      role: 'draft',
      draftFor: 'grown',
      options: RUNTIME,
    });

    const { speculation } = await client.generate({
      model: 'grown',
      prompt: PROMPTS[0] ?? '',
      temperature: 0,
      maxTokens: 40,
      speculation: 4,
    });

    expect(speculation?.draftAcceptanceRate).toBeGreaterThan(0.2);
  }, 60_000);

  it('with much noise writes something else', async () => {
    await load('noisy', { width: 160, layers: 5, feedForward: 432, noise: 0.5 });
    const prompt = PROMPTS[0] ?? '';

    expect(await write('noisy', prompt)).not.toEqual(await write('source', prompt));
  }, 60_000);
});
