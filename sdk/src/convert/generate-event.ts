import * as wire from '../proto.js';
import {
  type GenerationCompletion,
  type GenerationEvent,
  type GenerationStarted,
} from '../types/generation.js';
import { finishReason } from './enums.js';
import { readEffectivePlacement, writeEffectivePlacement } from './placement.js';
import { textOrAbsent } from './presence.js';
import { readEffectiveSpeculation, writeEffectiveSpeculation } from './speculation.js';
import { readStepStats, readSummary, writeStepStats, writeSummary } from './statistics.js';

/** One event of a generation; undefined for events of newer servers. */
export function readGenerateResponse({
  event,
  synthetic,
}: wire.GenerateResponse): GenerationEvent | undefined {
  const read = readEvent(event);
  return read && (synthetic ? { ...read, synthetic } : read);
}

/** The inverse of {@link readGenerateResponse}. */
export function writeGenerateResponse(event: GenerationEvent): wire.GenerateResponse {
  return { event: writeEvent(event), synthetic: event.synthetic === true };
}

function readEvent(event: wire.GenerateResponse['event']): GenerationEvent | undefined {
  switch (event?.$case) {
    case 'started':
      return { type: 'started', ...readStarted(event.value) };
    case 'step': {
      const { tokens, stats } = event.value;
      const text = tokens.map(token => token.text).join('');
      return { type: 'step', text, tokens, stats: stats && readStepStats(stats) };
    }
    case 'completion':
      return { type: 'completion', ...readCompletion(event.value) };
    case undefined:
      return undefined;
  }
}

function writeEvent(event: GenerationEvent): wire.GenerateResponse['event'] {
  switch (event.type) {
    case 'started':
      return { $case: 'started', value: writeStarted(event) };
    case 'step': {
      const stats = event.stats && writeStepStats(event.stats);
      return { $case: 'step', value: { tokens: event.tokens, stats } };
    }
    case 'completion':
      return { $case: 'completion', value: writeCompletion(event) };
  }
}

function readStarted(started: wire.GenerationStarted): GenerationStarted {
  const { speculation, targetPlacement, draftPlacement } = started;
  return {
    ...started,
    speculation: readEffectiveSpeculation(speculation ?? wire.EffectiveSpeculation.create()),
    targetPlacement: readEffectivePlacement(targetPlacement ?? wire.EffectivePlacement.create()),
    draftPlacement: draftPlacement && readEffectivePlacement(draftPlacement),
  };
}

function writeStarted(started: GenerationStarted): wire.GenerationStarted {
  return {
    ...started,
    speculation: writeEffectiveSpeculation(started.speculation),
    targetPlacement: writeEffectivePlacement(started.targetPlacement),
    draftPlacement: started.draftPlacement && writeEffectivePlacement(started.draftPlacement),
  };
}

function readCompletion(completion: wire.GenerationCompletion): GenerationCompletion {
  return {
    finishReason: finishReason.read(completion.finishReason),
    matchedStop: textOrAbsent(completion.matchedStop),
    usage: completion.usage ?? wire.Usage.create(),
    timings: completion.timings ?? wire.Timings.create(),
    speculation: completion.speculation && readSummary(completion.speculation),
  };
}

function writeCompletion(completion: GenerationCompletion): wire.GenerationCompletion {
  return {
    finishReason: finishReason.write(completion.finishReason, 'finishReason'),
    matchedStop: completion.matchedStop ?? '',
    usage: completion.usage,
    timings: completion.timings,
    speculation: completion.speculation && writeSummary(completion.speculation),
  };
}
