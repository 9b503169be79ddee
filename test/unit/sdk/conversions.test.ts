import { describe, expect, it } from '@jest/globals';
import * as wire from '@outrider/sdk/proto';
import fc from 'fast-check';
import { readInventory, writeInventory } from '../../../sdk/src/convert/devices.js';
import * as enums from '../../../sdk/src/convert/enums.js';
import {
  readGenerateResponse,
  writeGenerateResponse,
} from '../../../sdk/src/convert/generate-event.js';
import {
  readGenerateRequest,
  writeGenerateRequest,
} from '../../../sdk/src/convert/generate-request.js';
import { readLoadRequest, writeLoadRequest } from '../../../sdk/src/convert/load-request.js';
import { readModel, writeModel } from '../../../sdk/src/convert/model.js';
import { readPlan } from '../../../sdk/src/convert/plan.js';
import {
  completionEvent,
  generateRequest,
  startedEvent,
  stepEvent,
} from './arbitrary-generations.js';
import { inventory, loadRequest, model } from './arbitrary-models.js';

const generated: readonly (readonly [keyof typeof enums, Readonly<Record<string, string>>])[] = [
  ['role', wire.Role],
  ['splitMode', wire.SplitMode],
  ['modelState', wire.ModelState],
  ['kvCacheType', wire.KvCacheType],
  ['flashAttention', wire.FlashAttention],
  ['loadStage', wire.LoadStage],
  ['planPolicy', wire.PlanPolicy],
  ['concessionKind', wire.ConcessionKind],
  ['speculationMode', wire.SpeculationMode],
  ['draftSource', wire.DraftSource],
  ['overlap', wire.Overlap],
  ['unavailablePolicy', wire.UnavailablePolicy],
  ['offReason', wire.SpeculationOffReason],
  ['bonusToken', wire.BonusToken],
  ['draftStopReason', wire.DraftStopReason],
  ['baselineMethod', wire.BaselineMethod],
  ['chatRole', wire.ChatRole],
  ['statsLevel', wire.StatsLevel],
  ['finishReason', wire.FinishReason],
  ['deviceType', wire.DeviceType],
];

describe('enum literals', () => {
  it('cover every value of every enum and come back as they were', () => {
    expect(generated.map(([name]) => name).sort()).toEqual(Object.keys(enums).sort());
    for (const [name, values] of generated) {
      const { read, write } = enums[name] as {
        read: (value: string) => string | undefined;
        write: (literal: string | undefined, field: string) => string;
      };
      const { UNSPECIFIED, UNRECOGNIZED, ...known } = values;
      for (const [key, value] of Object.entries(known)) {
        expect(read(value)).toBe(key.toLowerCase());
        expect(write(key.toLowerCase(), 'field')).toBe(value);
      }
      expect([read(UNSPECIFIED ?? ''), read(UNRECOGNIZED ?? '')]).toEqual([undefined, undefined]);
      expect(write(undefined, 'field')).toBe(UNSPECIFIED);
    }
  });

  it('are those of the contract', () => {
    expect(enums.draftSource.read('DRAFT_SOURCE_DRAFT_MODEL')).toBe('draft_model');
    expect(enums.finishReason.read('FINISH_REASON_END_OF_TEXT')).toBe('end_of_text');
    expect(enums.kvCacheType.read('KV_CACHE_TYPE_IQ4_NL')).toBe('iq4_nl');
  });

  it('refuse other texts and say which would do', () => {
    expect(() => enums.role.write('drift' as 'draft', 'role')).toThrow(
      '[INVALID_FIELD] role: drift is not one of target, draft',
    );
  });
});

// Every message goes through bytes as well, as a default that is not sent must come back as the same default.
const laws: readonly (readonly [string, fc.Arbitrary<object>, (message: never) => object])[] = [
  [
    'a generate request',
    generateRequest,
    (message: wire.GenerateRequest) =>
      wire.GenerateRequest.decode(
        wire.GenerateRequest.encode(writeGenerateRequest(readGenerateRequest(message))).finish(),
      ),
  ],
  [
    'a load request',
    loadRequest,
    (message: wire.LoadModelRequest) =>
      wire.LoadModelRequest.decode(
        wire.LoadModelRequest.encode(writeLoadRequest(readLoadRequest(message))).finish(),
      ),
  ],
  [
    'a model',
    model,
    (message: wire.Model) =>
      wire.Model.decode(wire.Model.encode(writeModel(readModel(message))).finish()),
  ],
  [
    'an inventory',
    inventory,
    (message: wire.DeviceInventory) =>
      wire.DeviceInventory.decode(
        wire.DeviceInventory.encode(writeInventory(readInventory(message))).finish(),
      ),
  ],
];

function thereAndBack(event: wire.GenerateResponse['event']): object {
  const read = readGenerateResponse({ event, synthetic: false });
  if (read === undefined) return {};
  const bytes = wire.GenerateResponse.encode(writeGenerateResponse(read)).finish();
  return { type: read.type, event: wire.GenerateResponse.decode(bytes).event };
}

describe('conversion to plain types and back', () => {
  it.each([true, false])('keeps whether acceptance was by dice: %s', synthetic => {
    const value = wire.GenerationStep.create();
    const read = readGenerateResponse({ event: { $case: 'step', value }, synthetic });

    expect(read?.synthetic).toBe(synthetic ? true : undefined);
    expect(read && writeGenerateResponse(read).synthetic).toBe(synthetic);
  });

  it.each(laws)('leaves %s as it was', (_name, arbitrary, convert) => {
    fc.assert(
      fc.property(arbitrary, message => {
        expect(convert(message as never)).toEqual(message);
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['started', startedEvent],
    ['step', stepEvent],
    ['completion', completionEvent],
  ] as const)('leaves a %s event as it was', (type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, event => {
        expect(thereAndBack(event)).toEqual({ type, event });
      }),
      { numRuns: 200 },
    );
  });

  it('shows what is unset as undefined, and zero as zero', () => {
    const read = readModel(wire.Model.create({ name: 'models/a' }));

    expect(read).toMatchObject({ name: 'models/a', loadMs: 0, kvUsedTokens: 0, warnings: [] });
    expect(read.state).toBeUndefined();
    expect(read.vocabularyFingerprint).toBeUndefined();
    expect(read.loadTime).toBeUndefined();
    expect(read.placement).toBeUndefined();
  });

  it('makes the suggestion of a plan a request that can be loaded', () => {
    fc.assert(
      fc.property(loadRequest, suggestion => {
        const target = { ...wire.ModelPlan.create(), suggestion };
        const plan = readPlan({ ...wire.PlanModelResponse.create(), target });
        expect(writeLoadRequest(plan.target?.suggestion ?? {})).toEqual(suggestion);
      }),
    );
  });
});
