import { type ChatInput, ChatRole, type GenerateRequest } from '@outrider/sdk/proto';
import { type Issues } from '../../registry/issues.js';
import { type ModelLimits } from './generate.js';

/** Checks that there is something to continue. */
export function checkInput(
  input: GenerateRequest['input'],
  limits: ModelLimits | undefined,
  issues: Issues,
): void {
  if (input === undefined) {
    issues.invalid('input', 'is missing; give text, token_ids or chat');
    return;
  }
  switch (input.$case) {
    case 'text':
      if (input.value === '') empty('text', 'the text is empty', issues);
      break;
    case 'tokenIds':
      if (input.value.ids.length === 0) empty('token_ids.ids', 'there are no ids', issues);
      checkTokenIds('token_ids.ids', input.value.ids, limits, issues);
      break;
    case 'chat':
      checkChat(input.value, issues);
  }
}

/** Checks a conversation. */
export function checkChat(chat: ChatInput, issues: Issues): void {
  if (chat.messages.length === 0) empty('chat.messages', 'there are no messages', issues);
  chat.messages.forEach(({ role }, i) => {
    if (role !== ChatRole.UNSPECIFIED && role !== ChatRole.UNRECOGNIZED) return;
    issues.invalid(`chat.messages[${i}].role`, 'must be SYSTEM, USER or ASSISTANT');
  });
}

/** Checks that every id is one of the vocabulary. */
export function checkTokenIds(
  field: string,
  ids: readonly number[],
  limits: ModelLimits | undefined,
  issues: Issues,
): void {
  if (limits === undefined) return;
  const size = limits.vocabularySize;
  ids.forEach((id, i) => {
    if (id >= size) issues.invalid(`${field}[${i}]`, `${id} is not below the vocabulary's ${size}`);
  });
}

function empty(field: string, description: string, issues: Issues): void {
  issues.add({
    reason: 'EMPTY_PROMPT',
    field,
    description: `${description}; give something to continue`,
  });
}
