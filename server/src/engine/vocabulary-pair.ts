import { type VocabularyFacts } from './llama/vocab.js';
import { type PairVerdict } from './protocol.js';

/** A vocabulary to compare; texts are fetched only where the fingerprints differ. */
export interface ComparedVocabulary {
  readonly facts: VocabularyFacts;
  readonly texts: () => Promise<readonly string[]>;
}

const mostPadding = 128;
// The first ids are special tokens, whose texts differ between releases of one family.
const firstCompared = 5;

/**
 * Whether a draft's tokens mean the same to a target: equal fingerprints, or the same type and begin/end settings, sizes that
 * differ by padding only, and the same text for every id from 5 to the smaller size.
 */
export async function compareVocabularies(
  target: ComparedVocabulary,
  draft: ComparedVocabulary,
): Promise<PairVerdict> {
  const [t, d] = [target.facts, draft.facts];
  if (t.fingerprint === d.fingerprint) return { match: true };
  if (t.type !== d.type) return differs('TYPE', t.type, d.type);
  if (t.addBos !== d.addBos || (t.addBos && t.bos !== d.bos))
    return differs('BOS', special(t.addBos, t.bos), special(d.addBos, d.bos));
  if (t.addEos !== d.addEos || (t.addEos && t.eos !== d.eos))
    return differs('EOS', special(t.addEos, t.eos), special(d.addEos, d.eos));
  if (Math.abs(t.size - d.size) > mostPadding) return differs('SIZE', t.size, d.size);
  const [ours, theirs] = await Promise.all([target.texts(), draft.texts()]);
  const shared = Math.min(t.size, d.size);
  for (let tokenId = firstCompared; tokenId < shared; tokenId++)
    if (ours[tokenId] !== theirs[tokenId])
      return { ...differs('TOKEN', ours[tokenId] ?? '', theirs[tokenId] ?? ''), tokenId };
  return { match: true };
}

function differs(
  kind: 'TYPE' | 'BOS' | 'EOS' | 'SIZE' | 'TOKEN',
  targetValue: string | number,
  draftValue: string | number,
): Extract<PairVerdict, { match: false }> {
  return { match: false, kind, targetValue: String(targetValue), draftValue: String(draftValue) };
}

function special(added: boolean, id: number): string {
  return added ? `added, id ${id}` : 'not added';
}
