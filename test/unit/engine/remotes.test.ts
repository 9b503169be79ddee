import { describe, expect, it } from '@jest/globals';
import { CodedError } from '../../../server/src/coded-error.js';
import { Remotes } from '../../../server/src/engine/remotes.js';

const ONE = '10.0.0.1:1';
const TWO = '10.0.0.2:2';

/** Workers of one device each, of which `down` do not answer. */
function workers(down: Set<string>, endpoints: readonly string[] = [ONE, TWO]) {
  const greeted: string[] = [];
  let devices = 0;
  let greeting = 0;
  const remotes = new Remotes(endpoints, {
    supported: true,
    greet: async endpoint => {
      greeted.push(endpoint);
      greeting += 1;
      await new Promise(resolve => setImmediate(resolve));
      greeting -= 1;
      return down.has(endpoint) ? 'it is away' : undefined;
    },
    add: () => [`RPC${devices++}`],
  });
  const read = (busy: readonly string[] = [], mayAdd = true) =>
    remotes.read(
      () => busy,
      () => mayAdd,
      () => endpoints.filter(endpoint => remotes.answers(endpoint)),
    );
  return { remotes, greeted, read, greeting: () => greeting };
}

function refusalOf(remotes: Remotes, device: string): CodedError | undefined {
  try {
    remotes.require([device]);
  } catch (error) {
    return CodedError.from(error);
  }
  return undefined;
}

describe('remote devices', () => {
  it('are there once their workers have answered', async () => {
    const { remotes, read } = workers(new Set());

    expect(await read()).toEqual([ONE, TWO]);
    expect(remotes.unusable).toEqual([]);
    expect(refusalOf(remotes, 'RPC1')).toBeUndefined();
    expect(refusalOf(remotes, 'RPC2')).toMatchObject({ reason: 'BACKEND_UNAVAILABLE' });
    expect(refusalOf(remotes, 'CUDA0')).toBeUndefined();
  });

  it('wait for those of an earlier worker, so that a name never changes its device', async () => {
    const down = new Set([ONE]);
    const { remotes, read } = workers(down);

    expect(await read()).toEqual([]);
    expect(remotes.unusable).toEqual([
      { name: `RPC[${ONE}]`, usable: false, reason: 'it is away' },
      { name: `RPC[${TWO}]`, usable: false, reason: expect.stringContaining(ONE) },
    ]);
    expect(refusalOf(remotes, 'RPC0')?.metadata).toMatchObject({ backend: 'RPC' });
    down.clear();
    expect(await read()).toEqual([ONE, TWO]);
    expect(remotes.unusable).toEqual([]);
  });

  it('are not there while their worker is away, and keep their names', async () => {
    const down = new Set<string>();
    const { remotes, read } = workers(down);
    await read();

    down.add(ONE);

    expect(await read()).toEqual([TWO]);
    expect(refusalOf(remotes, 'RPC0')).toMatchObject({
      reason: 'BACKEND_UNAVAILABLE',
      metadata: { device: 'RPC0', backend: 'RPC', cause: `${ONE}: it is away` },
    });
    expect(refusalOf(remotes, 'RPC1')).toBeUndefined();
    down.clear();
    expect(await read()).toEqual([ONE, TWO]);
  });

  it('are not asked whether they are there while a model uses them, since a worker hears one client', async () => {
    const down = new Set<string>();
    const { greeted, read } = workers(down);
    await read();
    greeted.splice(0);
    down.add(ONE);

    expect(await read(['RPC0'])).toEqual([ONE, TWO]);
    expect(greeted).toEqual([TWO]);
  });

  it('are not added while a load may walk the list of devices', async () => {
    const { remotes, read } = workers(new Set());

    expect(await read([], false)).toEqual([]);
    expect(remotes.unusable[0]?.reason).toContain('being loaded');
    expect(await read()).toEqual([ONE, TWO]);
  });

  it('are never read while a worker is being greeted', async () => {
    const { remotes, greeting } = workers(new Set());
    const read = () =>
      remotes.read(
        () => [],
        () => true,
        () => greeting(),
      );

    expect(await Promise.all([read(), read(), read()])).toEqual([0, 0, 0]);
  });

  it('need libraries that can use them', () => {
    const none = { supported: false, greet: async () => undefined, add: () => [] };

    expect(() => new Remotes([ONE], none)).toThrow(
      expect.objectContaining({
        reason: 'BACKEND_UNAVAILABLE',
        violations: [expect.objectContaining({ field: 'rpc' })],
      }),
    );
    expect(() => new Remotes([], none)).not.toThrow();
  });
});
