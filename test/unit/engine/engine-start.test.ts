import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readStart, startEnvironment } from '../../../server/src/engine/engine-start.js';

describe('what an engine is started with', () => {
  it('arrives as it was handed over', () => {
    const port = fc.integer({ min: 1, max: 65_535 });
    const starts = fc.record({
      directory: fc.option(fc.constantFrom('/opt/llama', 'last'), { nil: undefined }),
      variant: fc.option(fc.constantFrom('cpu', 'cuda', 'metal', 'vulkan'), { nil: undefined }),
      workers: fc.array(port.map(number => `worker:${number}`)),
    });

    fc.assert(
      fc.property(starts, start => {
        expect(readStart(startEnvironment(start))).toEqual(start);
      }),
    );
  });

  it('takes the place of what the server was started with', () => {
    const inherited = startEnvironment({ directory: '/other', workers: ['a:1'] });

    expect(readStart({ ...inherited, ...startEnvironment({}) })).toEqual({
      directory: undefined,
      variant: undefined,
      workers: [],
    });
  });
});
