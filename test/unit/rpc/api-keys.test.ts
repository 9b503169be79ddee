import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  ApiKeyRing,
  parseApiKeys,
  readApiKeys,
} from '../../../server/src/rpc/security/api-keys.js';

const TOKEN = fc
  .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: 80 })
  .map(codes => String.fromCharCode(...codes))
  .filter(token => !token.startsWith('#'));

describe('a file of keys', () => {
  it('has one key a line, named or not, between comments', () => {
    const text = '# for the team\r\nfirst-key alice # leaves in May\n\n  second#key\nthird bob\n';

    expect(parseApiKeys(text)).toEqual([
      { token: 'first-key', name: 'alice' },
      { token: 'second#key', name: 'line 4' },
      { token: 'third', name: 'bob' },
    ]);
  });

  it.each([
    ['', 'there is no key'],
    ['# nobody yet\n', 'there is no key'],
    ['good\nsecret-b\u00e4d\n', 'line 2 has a key that is not visible ASCII'],
    ['secret a name of many words', 'line 1 has more than a key and a name'],
    ['secret na/me', 'line 1 has a name beyond'],
    ['secret one\nsecret two', 'line 2 has a key that another line has as well'],
    [`secret${'x'.repeat(512)}`, 'line 1 has a key that is not visible ASCII, 1 to 512'],
  ])('is refused by the number of its line, without a word of it: %j', (text, complaint) => {
    const refused = expect.objectContaining({
      reason: 'INVALID_FIELD',
      message: expect.stringContaining(complaint),
      violations: [expect.objectContaining({ field: 'apiKeyFile' })],
    });

    expect(() => parseApiKeys(text)).toThrow(refused);
    expect(() => parseApiKeys(text)).not.toThrow(/secret/);
  });

  it('that cannot be read is named', () => {
    const folder = mkdtempSync(join(tmpdir(), 'outrider-keys-'));
    writeFileSync(join(folder, 'keys'), 'a-key\n');

    expect(readApiKeys(join(folder, 'keys'))).toHaveLength(1);
    expect(() => readApiKeys(join(folder, 'none'))).toThrow(/none" cannot be read: ENOENT/);
    rmSync(folder, { recursive: true });
  });
});

describe('a ring of keys', () => {
  it('knows the caller by any of its keys, and nobody else', () => {
    fc.assert(
      fc.property(fc.uniqueArray(TOKEN, { minLength: 1, maxLength: 6 }), TOKEN, (tokens, other) => {
        const ring = new ApiKeyRing(parseApiKeys(tokens.join('\n')));

        tokens.forEach((token, i) => {
          expect(ring.callerOf(`Bearer ${token}`)).toBe(`line ${i + 1}`);
        });
        expect(ring.callerOf(`Bearer ${other}`) !== undefined).toBe(tokens.includes(other));
      }),
    );
  });

  it.each([
    undefined,
    '',
    'a-key',
    'Bearer',
    'Bearer ',
    'Basic a-key',
    'Bearer a-ke',
    'Bearer a-key ',
    'Bearer a-key x',
    'Bearer A-KEY',
    `Bearer ${'x'.repeat(600)}`,
  ])('takes nothing from %j', header => {
    expect(new ApiKeyRing([{ name: 'alice', token: 'a-key' }]).callerOf(header)).toBeUndefined();
  });

  it('takes the scheme in any case', () => {
    const ring = new ApiKeyRing([{ name: 'alice', token: 'a-key' }]);

    expect(ring.callerOf('bearer a-key')).toBe('alice');
  });
});
