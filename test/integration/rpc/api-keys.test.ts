import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Settings } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Outrider } from '@outrider/sdk';
import { serverConfig } from '../../../server/src/config/config.js';
import { startServer } from '../../../server/src/rpc/server.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { reflectedServices } from './reflected-services.js';
import { type ClientOptions, Secured } from './secured.js';

const PROMPT = 'the recipe that nobody may read';
const KEY = 'alices-key-4bd1';
const REFUSED = { code: 'UNAUTHENTICATED', reason: 'UNAUTHENTICATED' };

let folder: string;
let keyFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-keys-'));
  keyFile = join(folder, 'keys');
  writeFileSync(keyFile, `${KEY} alice\nanother-key-77aa\n`);
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

describe('a server with keys', () => {
  it('serves who has one, and names the key in its log', async () => {
    await using secured = await Secured.ready({ apiKeyFile: keyFile });
    await using client = secured.client({ apiKey: KEY });

    const { text } = await client.generate({ model: 'big', prompt: PROMPT, maxTokens: 3 });

    expect(text).toBe('w0 w1 w2 ');
    expect(secured.log).toContain('"caller":"alice"');
  });

  it('refuses no key and a wrong one alike, in every service, and tells clients not to retry', async () => {
    await using secured = await Secured.ready({ apiKeyFile: keyFile });
    const messages = new Set<string>();
    const wrong: ClientOptions[] = [{}, { apiKey: 'guessed' }, { apiKey: `${KEY}x` }];

    for (const options of wrong) {
      await using client = secured.client({ ...options, maxRetries: 2 });
      const calls = [
        () => client.generate({ model: 'big', prompt: PROMPT }).result(),
        () => client.models.list(),
        () => client.devices.info(),
        () => client.tokenize('big', PROMPT),
      ];
      for (const call of calls) {
        const error: unknown = await Promise.resolve(call()).catch((caught: unknown) => caught);
        expect(error).toMatchObject({ ...REFUSED, retryDelayMs: undefined });
        messages.add(String(error));
      }
    }

    expect(messages.size).toBe(1);
    expect(secured.log.match(/"code":"UNAUTHENTICATED"/g)).toHaveLength(12);
  });

  it('tells everybody whether it is healthy', async () => {
    await using secured = await Secured.ready({ apiKeyFile: keyFile });

    await using client = await Outrider.connect(secured.server.address, { timeoutMs: 20_000 });

    await expect(client.models.get('big')).rejects.toMatchObject(REFUSED);
  });

  it('tells its contract by reflection to who has a key only', async () => {
    await using secured = await Secured.ready({ apiKeyFile: keyFile });

    const { address } = secured.server;

    expect(await reflectedServices(address, { apiKey: KEY })).toContain(
      'outrider.v1.GenerateService',
    );
    await expect(reflectedServices(address)).rejects.toThrow('UNAUTHENTICATED');
  });

  it('takes keys that are added to its file, and no longer those that are removed', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>(resolve => (release = resolve));
    const engine = new FakeEngine({ onStep: (_spec, index) => (index < 2 ? undefined : held) });
    await using secured = await Secured.ready({ apiKeyFile: keyFile }, engine);
    await using alice = secured.client({ apiKey: KEY });
    await using bob = secured.client({ apiKey: 'bobs-key' });
    const running = alice.generate({ model: 'big', prompt: PROMPT, maxTokens: 4 });
    await running.started();

    // As deployments do it: the new file takes the place of the old one.
    await secured.until('api keys read again', () => {
      writeFileSync(join(folder, 'next'), 'bobs-key bob\n');
      renameSync(join(folder, 'next'), keyFile);
    });

    await expect(alice.models.list()).rejects.toMatchObject(REFUSED);
    expect(await bob.models.list()).toHaveLength(1);
    release();
    expect((await running.result()).text).toBe('w0 w1 w2 w3 ');
  }, 30_000);

  it('keeps its keys when the file becomes unusable, and says so', async () => {
    await using secured = await Secured.ready({ apiKeyFile: keyFile });
    await using alice = secured.client({ apiKey: KEY });

    writeFileSync(keyFile, '# all keys are gone\n');
    await secured.until('api keys could not be read again', () => secured.server.reload());

    expect(await alice.models.list()).toHaveLength(1);
  });

  it('does not start without any key', async () => {
    writeFileSync(keyFile, '\n');
    const engine = new FakeEngine();

    await expect(
      startServer(
        serverConfig({ port: 0, admin: 'off', apiKeyFile: keyFile, logLevel: 'silent' }),
        { engine },
      ),
    ).rejects.toMatchObject({ violations: [{ field: 'apiKeyFile' }] });
  });
});

describe('the log of a server', () => {
  it('has neither prompts, nor output, nor keys, however calls end', async () => {
    const broken = new FakeEngine({
      word: i => `output${i} `,
      onStep: (_spec, index) => {
        if (index === 2) throw new Error('an engine that fails');
      },
    });
    await using secured = await Secured.ready({ apiKeyFile: keyFile }, broken);
    await using alice = secured.client({ apiKey: KEY });
    await using mallory = secured.client({ apiKey: 'a-guessed-key' });
    const ask = (more: object = {}) => ({ model: 'big', prompt: PROMPT, maxTokens: 2, ...more });

    const { text } = await alice.generate(ask());
    const endings = await Promise.allSettled([
      alice.generate(ask({ maxTokens: 5 })).result(),
      alice.generate(ask({ topP: 7, stop: [PROMPT] })).result(),
      alice.generate(ask({ model: 'nobody' })).result(),
      alice.generate({ model: 'big', messages: [{ role: 'user', content: PROMPT }] }).result(),
      alice.tokenize('big', PROMPT),
      mallory.generate(ask()).result(),
    ]);

    expect(text).toBe('output0 output1 ');
    expect(endings.map(({ status }) => status)).toContain('rejected');
    expect(secured.log).toMatch(/"code":"(INTERNAL|UNKNOWN)"/);
    expect(secured.log).toContain('"code":"UNAUTHENTICATED"');
    for (const secret of [PROMPT, 'recipe', 'output0', KEY, 'a-guessed-key']) {
      expect(secured.log).not.toContain(secret);
    }
  });
});

describe('a connection', () => {
  it('holds 256 calls at once', async () => {
    await using secured = await Secured.ready({});
    const session = connect(`http://${secured.server.address}`);
    const [settings] = (await once(session, 'remoteSettings')) as [Settings];
    session.destroy();

    expect(settings.maxConcurrentStreams).toBe(256);
  });
});
