import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MODEL_ID } from '../../../server/src/registry/model-name.js';
import { parseRemembered, rememberedText } from '../../../server/src/state/remembered-file.js';
import { loadRequest } from '../sdk/arbitrary-models.js';

describe('the file of remembered models', () => {
  it('gives back every request as it was made', () => {
    const name = fc.stringMatching(MODEL_ID);
    const pairings = fc.dictionary(name, fc.option(name, { nil: '' }));
    fc.assert(
      fc.property(fc.array(loadRequest, { maxLength: 3 }), pairings, (models, drafts) => {
        const { models: read, drafts: paired } = parseRemembered(
          rememberedText({ models, drafts }),
        );

        expect(read).toEqual(models);
        expect(paired).toEqual({ ...drafts });
      }),
    );
  });
});
