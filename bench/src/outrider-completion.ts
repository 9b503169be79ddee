import { type GenerateOptions, type Outrider } from '@outrider/sdk';
import { type CompletionRequest, type TimedCompletion, TokenTimer } from './timed-completion.js';

/** How `big` is to speculate; without a draft model it has n-grams alone. */
export interface CompletionDrafting {
  readonly draftModel: 'small' | null;
  readonly speculation: GenerateOptions['speculation'];
}

/** No drafts at all. */
export const PLAIN: CompletionDrafting = { draftModel: null, speculation: 'off' };

/**
 * Streams one completion of the model `big` through the SDK and times what arrives.
 * @throws Error when it makes another number of tokens, or does not speculate as it should
 */
export async function completeWithOutrider(
  client: Outrider,
  { prompt, tokens, temperature = 0, seed = 1 }: CompletionRequest,
  { draftModel, speculation }: CompletionDrafting = PLAIN,
): Promise<TimedCompletion> {
  const timer = new TokenTimer();
  let text = '';
  const generation = client.generate({
    ...{ model: 'big', draftModel, speculation, prompt, maxTokens: tokens },
    ...{ temperature, seed, topK: 40, topP: 0.95, minP: 0.05 },
    ignoreEos: true,
    cachePrompt: false,
  });
  for await (const event of generation) {
    if (event.type === 'started' && event.speculation.active !== (speculation !== 'off')) {
      throw new Error(`speculation is not as asked for: ${event.speculation.detail ?? ''}`);
    }
    if (event.type !== 'step') continue;
    timer.arrived(event.tokens.length);
    text += event.text;
  }
  const finished = timer.finish('outrider', tokens, text);
  const { speculation: summary } = await generation.result();
  return {
    ...finished,
    drafts: {
      drafted: summary?.numDraftTokens ?? 0,
      accepted: summary?.numAcceptedDraftTokens ?? 0,
      steps: summary?.numSpecSteps ?? 0,
    },
  };
}
