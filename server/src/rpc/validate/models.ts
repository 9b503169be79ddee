import { type SetDefaultDraftRequest } from '@outrider/sdk/proto';
import { Issues } from '../../registry/issues.js';
import { checkModelName } from './names.js';

/** @throws CodedError INVALID_FIELD for what can be no model name */
export function validateName(field: string, name: string): void {
  const issues = new Issues();
  checkModelName(field, name, issues);
  issues.throwIfAny();
}

/** @throws CodedError INVALID_FIELD; an empty draft is allowed */
export function validateSetDefaultDraft({ target, draft }: SetDefaultDraftRequest): void {
  const issues = new Issues();
  checkModelName('target', target, issues);
  if (draft !== '') checkModelName('draft', draft, issues);
  issues.throwIfAny();
}
