import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Outrider } from '@outrider/sdk';
import { type ServerConfig } from '../../../server/src/config/config.js';
import { Authority, type CertificatePair, noCertificates } from '../../support/certificates.js';
import { describeUnless } from '../../support/describe-unless.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { Secured } from './secured.js';
import { embedded } from './served.js';

const [describeWithOpenssl, note] = describeUnless(noCertificates);
const ONE_SEQUENCE = { models: [embedded('big', { options: { parallelSequences: 1 } })] };

describe('callers with keys of their own', () => {
  let folder: string;
  let apiKeyFile: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'outrider-fair-'));
    apiKeyFile = join(folder, 'keys');
    writeFileSync(apiKeyFile, 'key-of-alice alice\nnew-key-of-alice alice\nkey-of-bob bob\n');
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('take turns, and two keys of one name are one caller', async () => {
    const busy = await Busy.with({ apiKeyFile, ...ONE_SEQUENCE });
    await using secured = busy.secured;
    await using alice = secured.client({ apiKey: 'key-of-alice' });
    await using aliceToo = secured.client({ apiKey: 'new-key-of-alice' });
    await using bob = secured.client({ apiKey: 'key-of-bob' });

    await busy.askInTurn(alice, 10);
    await busy.askInTurn(alice, 11);
    await busy.askInTurn(aliceToo, 12);
    await busy.askInTurn(alice, 13);
    await busy.askInTurn(bob, 20);
    await busy.askInTurn(bob, 21);

    expect(await busy.served()).toEqual([10, 11, 20, 12, 21, 13]);
  });

  it('cannot keep each other out of a queue by filling it', async () => {
    const busy = await Busy.with({ apiKeyFile, maxQueue: 3, ...ONE_SEQUENCE });
    await using secured = busy.secured;
    await using alice = secured.client({ apiKey: 'key-of-alice' });
    await using bob = secured.client({ apiKey: 'key-of-bob' });
    for (const marker of [10, 11, 12, 13]) await busy.askInTurn(alice, marker);

    busy.ask(bob, 20);

    await expect(busy.stream(13)).rejects.toMatchObject({
      reason: 'QUEUE_FULL',
      retryDelayMs: expect.any(Number),
    });
    expect(await busy.served()).toEqual([10, 11, 20, 12]);
  });
});

describeWithOpenssl(`callers with certificates of their own${note}`, () => {
  let authority: Authority;
  let server: CertificatePair;

  beforeAll(() => {
    authority = new Authority();
    server = authority.issue('server');
  }, 60_000);

  afterAll(() => {
    authority[Symbol.dispose]();
  });

  it('take turns by their subjects, whatever they claim in metadata', async () => {
    const tls = { tlsCert: server.cert, tlsKey: server.key, tlsCa: authority.ca };
    const busy = await Busy.with({ ...tls, ...ONE_SEQUENCE });
    await using secured = busy.secured;
    const [alice, bob] = ['alice', 'bob'].map(name => contents(authority.issue(name)));
    const ca = readFileSync(authority.ca, 'utf8');
    await using first = secured.client({ tls: { ca, ...alice } });
    await using second = secured.client({ tls: { ca, ...bob } });
    const headers = { 'x-outrider-client-subject': 'somebody else' };
    await using mask = secured.client({ tls: { ca, ...alice }, headers });

    await busy.askInTurn(first, 10);
    await busy.askInTurn(first, 11);
    await busy.askInTurn(mask, 12);
    await busy.askInTurn(second, 20);

    expect(await busy.served()).toEqual([10, 11, 20, 12]);
  }, 30_000);
});

/** A server whose model serves one stream at a time, and none to its end before `served` is called. */
class Busy {
  readonly secured: Secured;
  readonly #engine: FakeEngine;
  readonly #release: () => void;
  readonly #streams = new Map<number, Promise<unknown>>();

  private constructor(secured: Secured, engine: FakeEngine, release: () => void) {
    this.secured = secured;
    this.#engine = engine;
    this.#release = release;
  }

  static async with(config: Partial<ServerConfig>): Promise<Busy> {
    let release: () => void = () => undefined;
    const held = new Promise<void>(resolve => (release = resolve));
    const engine = new FakeEngine({ onStep: () => held });
    return new Busy(await Secured.ready(config, engine), engine, release);
  }

  /** Asks for `marker` tokens. */
  ask(client: Outrider, marker: number): void {
    const stream = client.generate({ model: 'big', prompt: 'Once', maxTokens: marker }).result();
    stream.catch(() => undefined);
    this.#streams.set(marker, stream);
  }

  /** Asks for `marker` tokens, and waits until that runs or waits as well. */
  async askInTurn(client: Outrider, marker: number): Promise<void> {
    this.ask(client, marker);
    for (;;) {
      const { activeGenerations, queuedGenerations } = await client.models.get('big');
      if (activeGenerations + queuedGenerations === this.#streams.size) return;
    }
  }

  /** What became of a marker. */
  stream(marker: number): Promise<unknown> {
    return this.#streams.get(marker) ?? Promise.reject(new Error(`${marker} was not asked for`));
  }

  /** Lets every stream run, and tells the markers in the order in which they were served. */
  async served(): Promise<number[]> {
    this.#release();
    await Promise.allSettled(this.#streams.values());
    return this.#engine.generations.map(({ maxTokens }) => maxTokens);
  }
}

function contents({ cert, key }: CertificatePair): { cert: string; key: string } {
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}
