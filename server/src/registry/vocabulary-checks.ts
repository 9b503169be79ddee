import { CodedError } from '../coded-error.js';
import { type PairVerdict } from '../engine/protocol.js';
import { type ReadyModel } from './record.js';

/** Whether two models have the same vocabulary, asked once per pair. */
export class VocabularyChecks {
  readonly #verdicts = new Map<string, PairVerdict>();

  /** The verdict, if it was asked for before. */
  known(target: ReadyModel, draft: ReadyModel): PairVerdict | undefined {
    const [a, b] = [target.loaded.vocabularyFingerprint, draft.loaded.vocabularyFingerprint];
    return a === b && a !== '' ? { match: true } : this.#verdicts.get(`${a} ${b}`);
  }

  /** The verdict, from the engine that holds both if need be. */
  async compare(target: ReadyModel, draft: ReadyModel): Promise<PairVerdict> {
    const known = this.known(target, draft);
    if (known !== undefined) return known;
    const [a, b] = [target.loaded.vocabularyFingerprint, draft.loaded.vocabularyFingerprint];
    const verdict = await target.home.engine.comparePair(target.key, draft.key);
    // By fingerprint: a name may stand for another file after a reload.
    if (a !== '' && b !== '') this.#verdicts.set(`${a} ${b}`, verdict);
    return verdict;
  }
}

/** The refusal of a pair whose vocabularies differ. */
export function vocabularyMismatch(
  target: string,
  draft: string,
  verdict: Extract<PairVerdict, { match: false }>,
): CodedError {
  const { kind, tokenId, targetValue, draftValue } = verdict;
  const where = tokenId === undefined ? kind : `token ${tokenId}`;
  return new CodedError(
    'VOCAB_MISMATCH',
    `${draft} cannot draft for ${target}: vocabularies differ in ${where}, "${targetValue}" against "${draftValue}"`,
    {
      metadata: {
        kind,
        target,
        draft,
        target_value: targetValue,
        draft_value: draftValue,
        ...(tokenId === undefined ? {} : { token_id: String(tokenId) }),
      },
    },
  );
}
