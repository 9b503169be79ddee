import { type LoadModelRequest, type PlanModelRequest, PlanPolicy } from '@outrider/sdk/proto';
import { CodedError, invalidField } from '../../coded-error.js';
import { canonicalName } from '../../registry/model-name.js';
import { validateLoad } from './load-model.js';

/**
 * Checks every field of a plan. Device names are left to the placement, which knows them.
 * @throws CodedError INVALID_FIELD, NOT_SUPPORTED
 */
export function validatePlan({ target, draft, policy }: PlanModelRequest): void {
  if (policy === PlanPolicy.UNRECOGNIZED) throw invalidField('policy', 'policy is not known');
  if (target === undefined && draft === undefined) {
    throw invalidField('target', 'target and draft are missing; one at least is needed');
  }
  if (target !== undefined) checkSide('target', target);
  if (draft === undefined) return;
  checkSide('draft', draft);
  if (target === undefined && draft.draftFor === '') {
    const text = 'draft_for is missing; without a target it names the loaded one';
    throw invalidField('draft.draft_for', text);
  }
  const other = target !== undefined && draft.draftFor !== '';
  if (other && canonicalName(draft.draftFor) !== canonicalName(target.modelId)) {
    throw invalidField('draft.draft_for', 'draft_for names another model than the target');
  }
}

function checkSide(side: 'target' | 'draft', request: LoadModelRequest): void {
  // A plan needs no id; the one put in its place leaves the others' checks as they are.
  const modelId = request.modelId === '' ? `planned-${side}` : request.modelId;
  within(side, () => validateLoad({ ...request, modelId }));
}

function within(side: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof CodedError ? error.within(side) : error;
  }
}
