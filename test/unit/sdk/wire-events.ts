import {
  type GenerateResponse,
  GenerationCompletion,
  GenerationStarted,
  GenerationStep,
} from '@outrider/sdk/proto';

type Event = NonNullable<GenerateResponse['event']>;

/** The first event of a stream. */
export const started: Event = {
  $case: 'started',
  value: GenerationStarted.fromPartial({ requestId: 'r1', model: 'models/big', promptTokens: 3 }),
};

/** The last event of a stream. */
export const completion: Event = {
  $case: 'completion',
  value: GenerationCompletion.fromPartial({
    finishReason: 'FINISH_REASON_LENGTH',
    usage: { promptTokens: 3, completionTokens: 2 },
  }),
};

/** A step of one token. */
export function step(text: string, id = 0): Event {
  return { $case: 'step', value: GenerationStep.fromPartial({ tokens: [{ id, text }] }) };
}

/** `started`, a step for each text, `completion`. */
export async function* story(...texts: string[]): AsyncGenerator<Event> {
  yield started;
  for (const [i, text] of texts.entries()) yield step(text, i);
  yield completion;
}

/** Nothing but a failure. */
export function fails(error: Error): AsyncIterable<Event> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}
