import { BonusToken, FinishReason } from '@outrider/sdk/proto';
import { atMost, holds, same } from './compare.js';
import { type Stream, speculative, sum } from './stream.js';

/** 1: numbering of the steps. */
export function* checkIndices({ steps, summary }: Stream): Iterable<string> {
  for (const [index, { stats }] of steps.entries())
    yield* same(`1: step_index of step ${index}`, stats.stepIndex, index);
  yield* same('1: num_steps', summary.numSteps, steps.length);
  yield* same('1: num_spec_steps', summary.numSpecSteps, speculative(steps).length);
}

/** 2: accepted, drafted, planned and the limit. */
export function* checkLimits({ steps, started }: Stream): Iterable<string> {
  const most = started.speculation?.maxDraftTokens ?? 0;
  for (const { stats } of steps) {
    const at = `2: step ${stats.stepIndex}:`;
    const [accepted, drafted] = [stats.numAcceptedDraftTokens, stats.numDraftTokens];
    yield* atMost(`${at} accepted`, accepted, 'drafted', drafted);
    yield* atMost(`${at} drafted`, drafted, 'planned_draft_len', stats.plannedDraftLen);
    yield* atMost(`${at} planned_draft_len`, stats.plannedDraftLen, 'max_draft_tokens', most);
    yield* atMost(`${at} overlapped`, stats.numOverlappedDraftTokens, 'drafted', drafted);
  }
}

/** 3: the target's own token. */
export function* checkBonusTokens({ steps, completion }: Stream): Iterable<string> {
  for (const { stats, last } of steps) {
    const at = `3: step ${stats.stepIndex}: ${stats.bonusToken}`;
    const [accepted, drafted] = [stats.numAcceptedDraftTokens, stats.numDraftTokens];
    const corrected = stats.bonusToken === BonusToken.CORRECTION;
    yield* same(
      `${at}, first_rejected_position`,
      stats.firstRejectedPosition,
      corrected ? accepted : undefined,
    );
    switch (stats.bonusToken) {
      case BonusToken.BONUS:
        yield* same(`${at}, accepted`, accepted, drafted);
        break;
      case BonusToken.CORRECTION:
        yield* holds(accepted < drafted, `${at} with ${accepted} of ${drafted} accepted`);
        break;
      case BonusToken.NONE:
        yield* holds(accepted > 0, `${at} without an accepted token`);
        yield* holds(last, `${at} before the last step`);
        yield* holds(
          completion.finishReason === FinishReason.END_OF_TEXT ||
            completion.finishReason === FinishReason.STOP,
          `${at} in a stream that ended by ${completion.finishReason}`,
        );
        break;
      default:
        yield `${at} is never sent`;
    }
  }
}

/** 4: tokens sent, and which of them were drafted. */
export function* checkEmission({ first, steps, completion }: Stream): Iterable<string> {
  yield* holds(first.tokens[0]?.fromDraft === false, '4: the first token has from_draft');
  for (const { event, stats, last } of steps) {
    const at = `4: step ${stats.stepIndex}:`;
    const emitted = stats.numEmittedTokens;
    const whole = stats.numAcceptedDraftTokens + (stats.bonusToken === BonusToken.NONE ? 0 : 1);
    const cut = last && completion.finishReason === FinishReason.STOP;
    yield* same(`${at} number of tokens`, event.tokens.length, emitted);
    yield* holds(
      emitted === whole || (cut && emitted >= 1 && emitted < whole),
      `${at} num_emitted_tokens is ${emitted} where ${whole} were decided`,
    );
    const fromDraft = Math.min(stats.numAcceptedDraftTokens, emitted);
    const marks = event.tokens.map(token => (token.fromDraft ? 'd' : '-')).join('');
    const expected = event.tokens.map((_, i) => (i < fromDraft ? 'd' : '-')).join('');
    yield* same(`${at} from_draft`, marks, expected);
  }
}

/** 5: the number of tokens in all. */
export function* checkCompletionTokens({ steps, usage }: Stream): Iterable<string> {
  yield* same(
    '5: completion_tokens',
    usage.completionTokens,
    1 + sum(steps, s => s.numEmittedTokens),
  );
}

/** 6: every guess, at DETAILED. */
export function* checkDetails({ steps, synthetic, options }: Stream): Iterable<string> {
  const detailed = options.detailed ?? steps.some(({ stats }) => stats.draftTokens.length > 0);
  for (const { event, stats } of steps) {
    const at = `6: step ${stats.stepIndex}:`;
    const { draftTokens, numAcceptedDraftTokens: accepted, firstRejectedPosition } = stats;
    yield* same(
      `${at} number of draft_tokens`,
      draftTokens.length,
      detailed ? stats.numDraftTokens : 0,
    );
    if (synthetic) continue;
    for (const [index, guess] of draftTokens.entries()) {
      const which = `${at} draft_tokens[${index}]`;
      yield* same(`${which}.accepted`, guess.accepted, index < accepted);
      if (index < accepted) {
        yield* same(`${which}.target_id`, guess.targetId, guess.id);
        const sent = index < event.tokens.length ? event.tokens[index]?.id : guess.id;
        yield* same(`${which}.id against the token sent`, guess.id, sent);
      } else if (index === firstRejectedPosition) {
        const correction = event.tokens[index]?.id ?? guess.targetId;
        yield* holds(
          guess.targetId !== undefined &&
            guess.targetId !== guess.id &&
            guess.targetId === correction,
          `${which}.target_id is ${guess.targetId ?? 'unset'} where ${guess.id} was corrected to ${correction ?? 'nothing'}`,
        );
      } else {
        yield* same(`${which}.target_id behind the end`, guess.targetId, undefined);
      }
    }
  }
}

/** 12: positions trimmed. */
export function* checkRollback({ steps, options }: Stream): Iterable<string> {
  if (options.attentionOnly === false) return;
  for (const { stats, last } of steps) {
    const at = `12: step ${stats.stepIndex}:`;
    const rejected = stats.numDraftTokens - stats.numAcceptedDraftTokens;
    yield* holds(!stats.replayed, `${at} replayed`);
    if (!last) yield* same(`${at} rolled_back_tokens`, stats.rolledBackTokens, rejected);
  }
}
