import type * as wire from '../proto.js';
import { type GenerateInput, type GenerateOptions, type Sampling } from '../types/generate.js';
import { readChat, writeChat } from './chat.js';
import { statsLevel } from './enums.js';
import { refuse, refuseUnknown, textOrAbsent, withoutAbsent } from './presence.js';
import { readSampling, writeSampling } from './sampling.js';
import { readSpeculation, writeSpeculation } from './speculation.js';

/** A request as it is sent. @throws InvalidRequestError for unknown options and values, and for two inputs */
export function writeGenerateRequest(options: GenerateOptions): wire.GenerateRequest {
  const { model, draftModel, maxTokens, stop, speculation, logprobs, stats, cachePrompt, ...rest } =
    options;
  const { input, others } = splitInput(rest);
  const { sampling, unknown } = splitSampling(others);
  refuseUnknown(unknown, '');
  const given = Object.values(sampling).some(value => value !== undefined);
  return {
    model,
    draftModel: draftModel === null ? '' : draftModel,
    input,
    maxTokens,
    stop: typeof stop === 'string' ? [stop] : [...(stop ?? [])],
    sampling: given ? writeSampling(sampling) : undefined,
    speculation: writeSpeculation(speculation),
    logprobs,
    statsLevel: statsLevel.write(stats, 'stats'),
    cachePrompt,
  };
}

/** The inverse of {@link writeGenerateRequest}; what is not set is left out. */
export function readGenerateRequest(request: wire.GenerateRequest): GenerateOptions {
  return withoutAbsent({
    model: request.model,
    ...readInput(request.input),
    draftModel: request.draftModel === '' ? null : request.draftModel,
    maxTokens: request.maxTokens,
    stop: request.stop.length === 0 ? undefined : request.stop,
    ...(request.sampling && readSampling(request.sampling)),
    speculation: request.speculation && readSpeculation(request.speculation),
    logprobs: request.logprobs,
    stats: statsLevel.read(request.statsLevel),
    cachePrompt: request.cachePrompt,
  });
}

type WireInput = wire.GenerateRequest['input'];

interface AnyInput {
  readonly prompt?: string | undefined;
  readonly tokenIds?: readonly number[] | undefined;
  readonly messages?: Parameters<typeof writeChat>[0] | undefined;
  readonly chatTemplate?: string | undefined;
}

function splitInput<Rest extends object>({
  prompt,
  tokenIds,
  messages,
  chatTemplate,
  ...others
}: AnyInput & Rest): { input: WireInput; others: Omit<Rest, keyof AnyInput> } {
  const inputs: NonNullable<WireInput>[] = [];
  if (prompt !== undefined) inputs.push({ $case: 'text', value: prompt });
  if (tokenIds !== undefined) inputs.push({ $case: 'tokenIds', value: { ids: [...tokenIds] } });
  if (messages !== undefined)
    inputs.push({ $case: 'chat', value: writeChat(messages, chatTemplate) });
  if (inputs.length !== 1) refuse('prompt', 'give exactly one of prompt, tokenIds and messages');
  if (chatTemplate !== undefined && messages === undefined)
    refuse('chatTemplate', 'only with messages');
  return { input: inputs[0], others };
}

function splitSampling({
  temperature,
  topK,
  topP,
  minP,
  typicalP,
  repetitionPenalty,
  presencePenalty,
  frequencyPenalty,
  penaltyLastN,
  seed,
  logitBias,
  ignoreEos,
  grammar,
  ...unknown
}: Sampling): { sampling: Sampling; unknown: object } {
  const penalties = { repetitionPenalty, presencePenalty, frequencyPenalty, penaltyLastN };
  const sampling = { temperature, topK, topP, minP, typicalP, ...penalties, seed, logitBias };
  return { sampling: { ...sampling, ignoreEos, grammar }, unknown };
}

function readInput(input: WireInput): GenerateInput {
  switch (input?.$case) {
    case 'tokenIds':
      return { tokenIds: input.value.ids };
    case 'chat': {
      const chatTemplate = textOrAbsent(input.value.template);
      return withoutAbsent({ messages: readChat(input.value), chatTemplate });
    }
    case 'text':
      return { prompt: input.value };
    case undefined:
      return { prompt: '' };
  }
}
