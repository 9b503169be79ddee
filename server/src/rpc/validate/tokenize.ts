import { type DetokenizeRequest, type TokenizeRequest } from '@outrider/sdk/proto';
import { invalidField } from '../../coded-error.js';
import { Issues } from '../../registry/issues.js';
import { type ModelLimits } from './generate.js';
import { checkChat, checkTokenIds } from './input.js';
import { checkModelName } from './names.js';

/**
 * Checks a request for ids, and hands out its input. Empty text is allowed.
 * @throws CodedError INVALID_FIELD, EMPTY_PROMPT
 */
export function validateTokenize(request: TokenizeRequest): NonNullable<TokenizeRequest['input']> {
  const issues = new Issues();
  checkModelName('model', request.model, issues);
  if (request.input === undefined) issues.invalid('input', 'is missing; give text or chat');
  else if (request.input.$case === 'chat') checkChat(request.input.value, issues);
  issues.throwIfAny();
  if (request.input === undefined) throw invalidField('input', 'is missing');
  return request.input;
}

/** @throws CodedError INVALID_FIELD */
export function validateDetokenize(
  request: DetokenizeRequest,
  limits: ModelLimits | undefined,
): void {
  const issues = new Issues();
  checkModelName('model', request.model, issues);
  checkTokenIds('token_ids', request.tokenIds, limits, issues);
  issues.throwIfAny();
}
