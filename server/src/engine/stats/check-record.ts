import { BonusToken, DraftSource } from '@outrider/sdk/proto';
import { type StepRecord, type StreamStatsOptions } from './step-record.js';

/**
 * Holds a record against the rules that every step keeps.
 * @throws Error naming each broken rule
 */
export function checkRecord(record: StepRecord, options: StreamStatsOptions): void {
  const { draftTokens, acceptedTokens, emittedTokens, bonus } = record;
  const most = acceptedTokens + (bonus === BonusToken.NONE ? 0 : 1);
  const rules: readonly (readonly [boolean, string])[] = [
    [record.stepUs - record.idleUs - record.verifyUs >= 0, 'step_us is less than idle + verify'],
    [acceptedTokens >= 0 && acceptedTokens <= draftTokens, 'more accepted than drafted'],
    [draftTokens <= record.plannedDraftLen, 'more drafted than planned'],
    [record.plannedDraftLen <= options.maxDraftTokens, 'more planned than max_draft_tokens'],
    [draftTokens === 0 || options.active, 'drafted although speculation is not active'],
    [record.overlappedTokens <= draftTokens, 'more overlapped than drafted'],
    [
      emittedTokens >= 1 && emittedTokens <= most,
      'emitted is not within 1 and accepted + own token',
    ],
    [
      (bonus === BonusToken.CORRECTION) === acceptedTokens < draftTokens ||
        bonus === BonusToken.NONE,
      'bonus_token contradicts accepted and drafted',
    ],
    [
      bonus !== BonusToken.NONE || acceptedTokens > 0,
      'an accepted end of text without an accepted token',
    ],
    [
      (record.source === DraftSource.UNSPECIFIED) === (draftTokens === 0),
      'draft_source contradicts drafted',
    ],
  ];
  const broken = rules.filter(([holds]) => !holds).map(([, what]) => what);
  if (broken.length > 0) {
    throw new Error(`step record: ${broken.join('; ')}: ${JSON.stringify(record)}`);
  }
}
