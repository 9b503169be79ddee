import { BonusToken, FinishReason } from '@outrider/sdk/proto';
import { type BreakCase, inStep } from './break.js';

/** Breaks of the identities 1 to 6. */
export const stepBreaks: readonly BreakCase[] = [
  ['a gap in the step numbers', '1: step_index of step 4 is 5', inStep(4, s => (s.stepIndex = 5))],
  [
    'a step too many in the summary',
    '1: num_steps is 7, not 6',
    s => (s.completion.speculation.numSteps = 7),
  ],
  [
    'a plain step counted as speculative',
    '1: num_spec_steps is 4, not 3',
    s => (s.completion.speculation.numSpecSteps = 4),
  ],
  [
    'more accepted than drafted',
    '2: step 1: accepted is 4, more than drafted 3',
    inStep(1, s => (s.numAcceptedDraftTokens = 4)),
  ],
  [
    'more drafted than planned',
    '2: step 1: drafted is 3, more than planned_draft_len 2',
    inStep(1, s => (s.plannedDraftLen = 2)),
  ],
  [
    'a plan beyond the limit',
    '2: step 3: planned_draft_len is 5, more than max_draft_tokens 4',
    inStep(3, s => (s.plannedDraftLen = 5)),
  ],
  [
    'more overlapped than drafted',
    '2: step 1: overlapped is 4',
    inStep(1, s => (s.numOverlappedDraftTokens = 4)),
  ],
  [
    'a bonus behind a rejected draft',
    '3: step 2: BONUS_TOKEN_BONUS, accepted is 1, not 3',
    inStep(2, s => (s.bonusToken = BonusToken.BONUS)),
  ],
  [
    'a correction of nothing',
    '3: step 1: BONUS_TOKEN_CORRECTION with 3 of 3',
    inStep(1, s => (s.bonusToken = BonusToken.CORRECTION)),
  ],
  [
    'a wrong rejected position',
    '3: step 2: BONUS_TOKEN_CORRECTION, first_rejected_position is 0, not 1',
    inStep(2, s => (s.firstRejectedPosition = 0)),
  ],
  [
    'a rejected position without a rejection',
    '3: step 0: BONUS_TOKEN_BONUS, first_rejected_position is 0, not unset',
    inStep(0, s => (s.firstRejectedPosition = 0)),
  ],
  [
    'an end of text in mid-stream',
    '3: step 1: BONUS_TOKEN_NONE before the last step',
    inStep(1, s => (s.bonusToken = BonusToken.NONE)),
  ],
  [
    'an end of text that ends nothing',
    '3: step 5: BONUS_TOKEN_NONE in a stream that ended by FINISH_REASON_LENGTH',
    s => (s.completion.finishReason = FinishReason.LENGTH),
  ],
  [
    'an end of text that was not drafted',
    '3: step 5: BONUS_TOKEN_NONE without an accepted token',
    inStep(5, s => (s.numAcceptedDraftTokens = 0)),
  ],
  [
    'an unset bonus token',
    '3: step 0: BONUS_TOKEN_UNSPECIFIED is never sent',
    inStep(0, s => (s.bonusToken = BonusToken.UNSPECIFIED)),
  ],
  [
    'a token that is missing',
    '4: step 1: number of tokens is 3, not 4',
    inStep(1, (_, step) => step.tokens.pop()),
  ],
  [
    'fewer emitted in mid-stream',
    '4: step 1: num_emitted_tokens is 3 where 4 were decided',
    inStep(1, (s, step) => {
      s.numEmittedTokens = 3;
      step.tokens.pop();
    }),
  ],
  [
    'fewer emitted in a last step that no stop string cut',
    '4: step 5: num_emitted_tokens is 1 where 2',
    inStep(5, (s, step) => {
      s.numEmittedTokens = 1;
      step.tokens.pop();
    }),
  ],
  [
    'a drafted token that is not marked',
    '4: step 2: from_draft is --, not d-',
    inStep(2, (_, step) => step.tokens.forEach(t => (t.fromDraft = false))),
  ],
  [
    'a first token marked as drafted',
    '4: the first token has from_draft',
    s => s.first.tokens.forEach(t => (t.fromDraft = true)),
  ],
  [
    'a wrong number of tokens in all',
    '5: completion_tokens is 11, not 12',
    s => (s.completion.usage.completionTokens = 11),
  ],
  [
    'a guess that is not listed',
    '6: step 2: number of draft_tokens is 2, not 3',
    inStep(2, s => s.draftTokens.pop()),
  ],
  [
    'an accepted guess not called so',
    '6: step 1: draft_tokens[0].accepted is false, not true',
    inStep(1, s => s.draftTokens.slice(0, 1).forEach(g => (g.accepted = false))),
  ],
  [
    'an accepted guess with another target',
    '6: step 1: draft_tokens[1].target_id is 99, not 13',
    inStep(1, s => s.draftTokens.slice(1, 2).forEach(g => (g.targetId = 99))),
  ],
  [
    'an accepted guess that was not sent',
    '6: step 1: draft_tokens[1].id against the token sent is 13, not 98',
    inStep(1, (_, step) => step.tokens.slice(1, 2).forEach(t => (t.id = 98))),
  ],
  [
    'a rejected guess without its correction',
    '6: step 2: draft_tokens[1].target_id is unset',
    inStep(2, s => s.draftTokens.slice(1, 2).forEach(g => (g.targetId = undefined))),
  ],
  [
    'a correction that was not sent',
    '6: step 2: draft_tokens[1].target_id is 17 where 90 was corrected to 55',
    inStep(2, (_, step) => step.tokens.slice(1).forEach(t => (t.id = 55))),
  ],
  [
    'a target behind the rejection',
    '6: step 2: draft_tokens[2].target_id behind the end is 4, not unset',
    inStep(2, s => s.draftTokens.slice(2).forEach(g => (g.targetId = 4))),
  ],
];
