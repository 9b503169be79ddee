import { randomUUID } from 'node:crypto';
import { readChat } from '../convert/chat.js';
import { writeGenerateResponse } from '../convert/generate-event.js';
import { readGenerateRequest } from '../convert/generate-request.js';
import { readEffectivePlacement } from '../convert/placement.js';
import { OutriderError } from '../errors/outrider-error.js';
import {
  EffectivePlacement,
  type GenerateServiceImplementation,
  type TokenizeRequest,
} from '../proto.js';
import { type ChatMessage, type GenerateOptions } from '../types/generate.js';
import { type GenerationEvent, type GenerationStarted } from '../types/generation.js';
import { fullName } from './fake-models.js';
import { type FakeScript } from './fake-script.js';

/** Answers as scripted. Its vocabulary is Unicode: a token id is a code point. */
export function fakeGenerateService(
  script: FakeScript['generate'] = () => ['Once', ' upon', ' a time'],
  checkModel: (name: string) => void,
  note: (request: unknown) => void,
): GenerateServiceImplementation {
  return {
    async *generate(request, context) {
      const options = readGenerateRequest(request);
      note(options);
      checkModel(options.model);
      const requestId = context.metadata.get('x-request-id') ?? randomUUID();
      for await (const event of play(script, options, requestId))
        yield writeGenerateResponse(event);
    },
    tokenize: async request => {
      const text = inputText(request.input);
      note({ model: request.model, input: text });
      checkModel(request.model);
      return { tokenIds: Array.from(text, character => character.codePointAt(0) ?? 0) };
    },
    detokenize: async ({ model, tokenIds }) => {
      note({ model, tokenIds });
      checkModel(model);
      return { text: String.fromCodePoint(...tokenIds) };
    },
  };
}

async function* play(
  script: NonNullable<FakeScript['generate']>,
  options: GenerateOptions,
  requestId: string,
): AsyncGenerator<GenerationEvent, void, undefined> {
  const answer = script(options);
  if (typeof answer === 'object' && 'error' in answer)
    throw new OutriderError('as scripted', answer.error);
  let promptTokens = countTokens(options);
  let completionTokens = 0;
  let begun = false;
  for await (const item of answer) {
    const event = typeof item === 'string' ? step(item, completionTokens) : item;
    if (event.type === 'started') promptTokens = event.promptTokens;
    else if (!begun) yield { type: 'started', ...started(options, requestId, promptTokens) };
    begun = true;
    yield event;
    if (event.type === 'completion') return;
    if (event.type === 'step') completionTokens += event.tokens.length;
  }
  if (!begun) yield { type: 'started', ...started(options, requestId, promptTokens) };
  yield {
    type: 'completion',
    finishReason: 'end_of_text',
    usage: { promptTokens, completionTokens, cachedTokens: 0 },
    timings: { queueUs: 0, promptUs: 0, timeToFirstTokenUs: 0, decodeUs: 0, totalUs: 0 },
  };
}

function countTokens(options: GenerateOptions): number {
  if ('tokenIds' in options) return options.tokenIds.length;
  if ('prompt' in options) return Array.from(options.prompt).length;
  return Array.from(conversation(options.messages)).length;
}

function step(text: string, id: number): GenerationEvent {
  return { type: 'step', text, tokens: [{ id, text, fromDraft: false, topLogprobs: [] }] };
}

function started(
  { model, seed = 0 }: GenerateOptions,
  requestId: string,
  promptTokens: number,
): GenerationStarted {
  return {
    requestId,
    model: fullName(model),
    promptTokens,
    cachedTokens: 0,
    seed,
    speculation: {
      active: false,
      offReason: 'no_source',
      mode: 'auto',
      sources: [],
      maxDraftTokens: 0,
      minDraftTokens: 0,
      minDraftProbability: 0,
      overlap: false,
      targetDevices: ['cpu'],
      draftDevices: [],
    },
    targetPlacement: readEffectivePlacement(EffectivePlacement.create()),
  };
}

function inputText(input: TokenizeRequest['input']): string {
  switch (input?.$case) {
    case 'text':
      return input.value;
    case 'chat':
      return conversation(readChat(input.value));
    case undefined:
      return '';
  }
}

function conversation(messages: readonly ChatMessage[]): string {
  return messages.map(({ role, content }) => `${role}: ${content}\n`).join('');
}
