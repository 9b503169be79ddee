import { describe, expect, it } from '@jest/globals';
import { type VocabularyFacts } from '../../../server/src/engine/llama/vocab.js';
import { compareVocabularies } from '../../../server/src/engine/vocabulary-pair.js';

const texts = ['<unk>', '<s>', '</s>', 'x', 'y', 'a', 'b', 'c'];
const facts: VocabularyFacts = {
  type: 1,
  size: texts.length,
  addBos: true,
  bos: 1,
  addEos: false,
  eos: 2,
  fingerprint: 'one',
};

describe('two vocabularies', () => {
  it('match by fingerprint without their texts being read', async () => {
    const unread = { facts, texts: () => Promise.reject(new Error('read')) };
    expect(await compareVocabularies(unread, unread)).toEqual({ match: true });
  });

  it('match when they differ in special texts, an end token that is never added, and padding', async () => {
    const padded = [...texts.with(0, '<pad>'), ...Array.from({ length: 128 }, (_, i) => `p${i}`)];
    expect(await compare({ eos: 4, size: padded.length }, padded)).toEqual({ match: true });
  });

  it.each([
    ['TYPE', { type: 2 }, texts, { targetValue: '1', draftValue: '2' }],
    ['BOS', { bos: 3 }, texts, { targetValue: 'added, id 1', draftValue: 'added, id 3' }],
    ['EOS', { addEos: true }, texts, { targetValue: 'not added', draftValue: 'added, id 2' }],
    ['SIZE', { size: texts.length + 129 }, texts, { targetValue: '8', draftValue: '137' }],
    ['TOKEN', {}, texts.with(6, 'B'), { tokenId: 6, targetValue: 'b', draftValue: 'B' }],
  ])('differ by %s', async (kind, change, draftTexts, expected) => {
    expect(await compare(change, draftTexts)).toEqual({ match: false, kind, ...expected });
  });
});

function compare(change: Partial<VocabularyFacts>, draftTexts: readonly string[]) {
  return compareVocabularies(
    { facts, texts: async () => texts },
    { facts: { ...facts, fingerprint: 'two', ...change }, texts: async () => draftTexts },
  );
}
