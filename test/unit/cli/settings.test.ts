import { describe, expect, it } from '@jest/globals';
import { type Flag } from '../../../server/src/cli/flags/flag.js';
import { count } from '../../../server/src/cli/flags/values.js';
import { settingsOf } from './settings-of.js';

const FLAGS: readonly Flag[] = [
  { name: 'ctx-size', value: 'N', help: '' },
  { name: 'stop', value: 'TEXT', repeatable: true, help: '' },
  { name: 'mlock', help: '' },
  { name: 'no-mmap', help: '' },
];

describe('a flag', () => {
  it('beats the environment', async () => {
    const settings = await settingsOf(FLAGS, ['--ctx-size', '1'], { OUTRIDER_CTX_SIZE: '2' });

    expect(settings.get('ctx-size')).toEqual({ values: ['1'], origin: '--ctx-size', from: 'flag' });
  });

  it('counts the last time it is given', async () => {
    const settings = await settingsOf(FLAGS, ['--ctx-size', '1', '--ctx-size', '3']);

    expect(settings.text('ctx-size')).toBe('3');
  });

  it('that may be repeated replaces the whole list of the environment', async () => {
    const settings = await settingsOf(FLAGS, ['--stop', 'a', '--stop', 'b'], {
      OUTRIDER_STOP: 'c',
    });

    expect(settings.texts('stop')).toEqual(['a', 'b']);
  });

  it('is off when neither the command line nor the environment has it', async () => {
    const settings = await settingsOf(FLAGS, []);

    expect(settings.get('ctx-size')).toBeUndefined();
    expect([settings.isOn('mlock'), settings.isOn('no-mmap')]).toEqual([false, false]);
  });

  it('that begins with no- is a switch of its own', async () => {
    const settings = await settingsOf(FLAGS, ['--no-mmap']);

    expect(settings.isOn('no-mmap')).toBe(true);
  });
});

describe('a variable of the environment', () => {
  it('stands for the long flag', async () => {
    const settings = await settingsOf(FLAGS, [], { OUTRIDER_CTX_SIZE: '2', OUTRIDER_STOP: 'a,b' });

    expect(settings.text('ctx-size')).toBe('2');
    expect(settings.texts('stop')).toEqual(['a,b']);
  });

  it.each([
    ['1', true],
    ['true', true],
    ['ON', true],
    ['0', false],
    ['false', false],
    ['', false],
  ])('sets a switch with %j to %j', async (text, on) => {
    const settings = await settingsOf(FLAGS, [], { OUTRIDER_NO_MMAP: text });

    expect(settings.isOn('no-mmap')).toBe(on);
  });

  it('is named in complaints about it', async () => {
    const settings = await settingsOf(FLAGS, [], { OUTRIDER_CTX_SIZE: 'big' });

    expect(() => settings.value('ctx-size', count)).toThrow('OUTRIDER_CTX_SIZE: "big"');
    await expect(settingsOf(FLAGS, [], { OUTRIDER_MLOCK: 'maybe' })).rejects.toThrow(
      'OUTRIDER_MLOCK: "maybe" is none of',
    );
  });

  it('that is off beats what a file says of the switch', async () => {
    const settings = await settingsOf(FLAGS, [], { OUTRIDER_MLOCK: 'false' });
    const file = { values: ['true'], origin: 'o.yaml:1: mlock', from: 'file' } as const;

    expect(settings.over(new Map([['mlock', file]])).isOn('mlock')).toBe(false);
    expect(settings.over(new Map([['no-mmap', file]])).isOn('no-mmap')).toBe(true);
  });
});
