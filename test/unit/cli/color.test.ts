import { describe, expect, it } from '@jest/globals';
import { Token } from '@outrider/sdk/proto';
import { tokensText, wantsColor } from '../../../server/src/cli/color.js';
import { RUN_FLAGS } from '../../../server/src/cli/flags/command-flags.js';
import { recordingIo } from './recording-io.js';
import { settingsOf } from './settings-of.js';

describe('colour', () => {
  it.each([
    [[], true, {}, true],
    [[], false, {}, false],
    [[], true, { NO_COLOR: '1' }, false],
    [[], true, { NO_COLOR: '' }, true],
    [[], true, { TERM: 'dumb' }, false],
    [['--color', 'always'], false, { NO_COLOR: '1' }, true],
    [['--color', 'never'], true, {}, false],
    [['--color', 'auto'], true, {}, true],
  ])('with %j, terminal %j, %j is %j', async (argv, terminal, env, expected) => {
    const settings = await settingsOf(RUN_FLAGS, argv);

    expect(wantsColor(settings, recordingIo({ terminal, env }))).toBe(expected);
  });

  it('has three words', async () => {
    const settings = await settingsOf(RUN_FLAGS, ['--color', 'blue']);

    expect(() => wantsColor(settings, recordingIo())).toThrow(
      '--color: "blue" is none of auto, always, never',
    );
  });
});

describe('the text of tokens', () => {
  const tokens = [
    Token.fromPartial({ text: ' a', fromDraft: true }),
    Token.fromPartial({ text: '', fromDraft: true }),
    Token.fromPartial({ text: ' b', fromDraft: true }),
    Token.fromPartial({ text: ' c' }),
  ];

  it('is green where a draft had it right', () => {
    expect(tokensText(tokens, true)).toBe('\u001b[32m a b\u001b[39m c');
  });

  it('is itself without colour', () => {
    expect(tokensText(tokens, false)).toBe(' a b c');
  });
});
