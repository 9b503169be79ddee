import * as wire from '@outrider/sdk/proto';
import fc from 'fast-check';
import {
  bytes,
  flag,
  float,
  list,
  maybe,
  named,
  oneOf,
  record,
  text,
  uint32,
} from './arbitrary-fields.js';
import { effectivePlacement } from './arbitrary-placements.js';

const speculation = record<wire.SpeculationParams>({
  mode: oneOf(wire.SpeculationMode),
  maxDraftTokens: maybe(uint32),
  minDraftTokens: maybe(uint32),
  minDraftProbability: maybe(float),
  sources: list(named(wire.DraftSource).filter(value => value !== 'DRAFT_SOURCE_MIXED')),
  overlap: oneOf(wire.Overlap),
  onUnavailable: oneOf(wire.UnavailablePolicy),
  synthetic: maybe(record({ rates: list(float) })),
});

// An object of biases is in ascending order of ids and has each of them once.
const logitBias = fc
  .uniqueArray(record({ tokenId: fc.nat(200_000), bias: float }), {
    selector: bias => bias.tokenId,
    maxLength: 4,
  })
  .map(biases => biases.sort((a, b) => a.tokenId - b.tokenId));

const sampling = record<wire.SamplingParams>({
  // Set in any case: sampling without a single setting is not sent at all.
  temperature: float,
  topK: maybe(uint32),
  topP: maybe(float),
  minP: maybe(float),
  typicalP: maybe(float),
  repetitionPenalty: maybe(float),
  presencePenalty: maybe(float),
  frequencyPenalty: maybe(float),
  penaltyLastN: maybe(uint32),
  seed: maybe(uint32),
  logitBias,
  ignoreEos: flag,
  grammar: maybe(
    fc.oneof(
      text.map(value => ({ $case: 'gbnf', value }) as const),
      fc
        .dictionary(text, text)
        .map(schema => ({ $case: 'jsonSchema', value: JSON.stringify(schema) }) as const),
    ),
  ),
});

/** Requests to generate. */
export const generateRequest = record<wire.GenerateRequest>({
  model: text,
  draftModel: maybe(text),
  input: fc.oneof(
    text.map(value => ({ $case: 'text', value }) as const),
    list(uint32).map(ids => ({ $case: 'tokenIds', value: { ids } }) as const),
    record({
      messages: list(record({ role: named(wire.ChatRole), content: text })),
      template: text,
    }).map(value => ({ $case: 'chat', value }) as const),
  ),
  maxTokens: maybe(uint32),
  stop: list(text),
  sampling: maybe(sampling),
  speculation: maybe(speculation),
  logprobs: maybe(uint32),
  statsLevel: oneOf(wire.StatsLevel),
  cachePrompt: maybe(flag),
});

const counts = { numDraftTokens: uint32, numAcceptedDraftTokens: uint32 };

/** First events. */
export const startedEvent = record<wire.GenerationStarted>({
  requestId: text,
  model: text,
  promptTokens: uint32,
  cachedTokens: uint32,
  seed: uint32,
  speculation: record({
    active: flag,
    offReason: oneOf(wire.SpeculationOffReason),
    detail: text,
    mode: oneOf(wire.SpeculationMode),
    draftModel: text,
    sources: list(named(wire.DraftSource)),
    maxDraftTokens: uint32,
    minDraftTokens: uint32,
    minDraftProbability: float,
    overlap: flag,
    targetDevices: list(text),
    draftDevices: list(text),
  }),
  targetPlacement: effectivePlacement,
  draftPlacement: maybe(effectivePlacement),
}).map(value => ({ $case: 'started', value }) as const);

const stepStats = record<wire.StepStats>({
  ...counts,
  stepIndex: uint32,
  numEmittedTokens: uint32,
  firstRejectedPosition: maybe(uint32),
  bonusToken: oneOf(wire.BonusToken),
  draftSource: oneOf(wire.DraftSource),
  draftStopReason: oneOf(wire.DraftStopReason),
  draftTokens: list(
    record({
      id: uint32,
      text,
      draftProbability: float,
      accepted: flag,
      targetId: maybe(uint32),
      source: oneOf(wire.DraftSource),
    }),
  ),
  draftUs: uint32,
  verifyUs: uint32,
  idleUs: uint32,
  overheadUs: uint32,
  stepUs: uint32,
  numDiscardedDraftTokens: uint32,
  numOverlappedDraftTokens: uint32,
  plannedDraftLen: uint32,
  draftAcceptanceRate: maybe(float),
  emaAcceptanceRate: maybe(float),
  tokensPerSecond: float,
  rolledBackTokens: uint32,
  replayed: flag,
  batchSize: uint32,
});

/** Steps. */
export const stepEvent = record<wire.GenerationStep>({
  tokens: list(
    record({
      id: uint32,
      text,
      fromDraft: flag,
      logprob: maybe(float),
      topLogprobs: list(record({ id: uint32, text, logprob: float })),
    }),
  ),
  stats: maybe(stepStats),
}).map(value => ({ $case: 'step', value }) as const);

const summary = record<wire.SpeculationSummary>({
  ...counts,
  numSteps: uint32,
  numSpecSteps: uint32,
  numRejectedDraftTokens: uint32,
  numDiscardedDraftTokens: uint32,
  numOverlappedDraftTokens: uint32,
  draftAcceptanceRate: maybe(float),
  emaAcceptanceRate: maybe(float),
  meanAcceptanceLength: maybe(float),
  acceptanceHistogram: list(uint32),
  acceptedPerPosition: list(uint32),
  draftedPerPosition: list(uint32),
  draftUs: bytes,
  verifyUs: bytes,
  idleUs: bytes,
  overheadUs: bytes,
  estimatedBaselineTps: maybe(float),
  estimatedSpeedup: maybe(float),
  baselineMethod: oneOf(wire.BaselineMethod),
  targetKvReusedTokens: uint32,
  draftKvReusedTokens: uint32,
  rolledBackTokens: uint32,
  numReplayedSteps: uint32,
  sources: list(record({ ...counts, source: oneOf(wire.DraftSource) })),
  offReason: oneOf(wire.SpeculationOffReason),
});

/** Last events. */
export const completionEvent = record<wire.GenerationCompletion>({
  finishReason: oneOf(wire.FinishReason),
  matchedStop: text,
  usage: record({ promptTokens: uint32, completionTokens: uint32, cachedTokens: uint32 }),
  timings: record({
    queueUs: bytes,
    promptUs: bytes,
    timeToFirstTokenUs: bytes,
    decodeUs: bytes,
    totalUs: bytes,
    promptTokensPerSecond: maybe(float),
    tokensPerSecond: maybe(float),
  }),
  speculation: maybe(summary),
}).map(value => ({ $case: 'completion', value }) as const);
