import { describe, expect, it } from '@jest/globals';
import { MemoryCeiling } from '../../../server/src/engine/memory-ceiling.js';
import { residentBytes } from '../../../server/src/engine/resident-memory.js';

const minuteMs = 60_000;

describe('an engine under a memory ceiling', () => {
  it('is left alone below it, and where its memory cannot be read', () => {
    const ceiling = new MemoryCeiling(1000);

    expect(ceiling.judge(1000, true, 0)).toBe('below');
    expect(ceiling.judge(undefined, true, 0)).toBe('below');
    expect(new MemoryCeiling(0).judge(1e12, true, 0)).toBe('below');
  });

  it('above it is restarted once it is idle', () => {
    const ceiling = new MemoryCeiling(1000);

    expect(ceiling.judge(1001, false, 0)).toBe('above');
    expect(ceiling.judge(1001, true, 1)).toBe('restart');
  });

  it('a quarter above it is restarted at work', () => {
    const ceiling = new MemoryCeiling(1000);

    expect(ceiling.judge(1250, false, 0)).toBe('above');
    expect(ceiling.judge(1251, false, 1)).toBe('restart');
  });

  it('is not restarted again and again for models that are larger than the ceiling', () => {
    const ceiling = new MemoryCeiling(1000);
    ceiling.judge(2000, true, 0);

    expect(ceiling.judge(2000, true, minuteMs)).toBe('above');
    expect(ceiling.judge(2000, true, 10 * minuteMs - 1)).toBe('above');
    expect(ceiling.judge(2000, true, 10 * minuteMs)).toBe('restart');
  });
});

describe('the resident memory of a process', () => {
  it('is read where there is /proc, and is unknown of a process that is gone', () => {
    const own = residentBytes(process.pid);

    if (process.platform === 'linux') {
      // eslint-disable-next-line jest/no-conditional-expect -- other systems do not tell
      expect(own).toBeGreaterThan(10 * 2 ** 20);
    }
    expect(residentBytes(2 ** 22 + 1)).toBeUndefined();
  });
});
