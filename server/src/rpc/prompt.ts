import { type GenerateRequest, type TokenizeRequest } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { type TokenizeSpec } from '../engine/protocol.js';
import { type ReadyModel } from '../registry/record.js';
import { renderChat } from './chat-template.js';

/**
 * Token ids of a generation's input.
 * @throws CodedError EMPTY_PROMPT, CONTEXT_EXCEEDED, CHAT_TEMPLATE_MISSING, INVALID_FIELD
 */
export async function promptIds(
  input: NonNullable<GenerateRequest['input']>,
  model: ReadyModel,
): Promise<Uint32Array> {
  const ids =
    input.$case === 'tokenIds'
      ? Uint32Array.from(input.value.ids)
      : await model.home.engine.tokenize(tokenizeSpec(input, model, {}));
  const field = input.$case === 'tokenIds' ? 'token_ids' : input.$case;
  if (ids.length === 0) {
    const text = 'the input has no tokens; give something to continue';
    throw new CodedError('EMPTY_PROMPT', text, { violations: [{ field, description: text }] });
  }
  const contextLength = model.loaded.options.contextLength ?? 0;
  if (ids.length >= contextLength) {
    const text = `the prompt has ${ids.length} tokens, which leaves no room in a context of ${contextLength}`;
    throw new CodedError('CONTEXT_EXCEEDED', text, {
      metadata: { prompt_tokens: String(ids.length), context_length: String(contextLength) },
      violations: [{ field, description: text }],
    });
  }
  return ids;
}

/** How a text or a conversation is to be tokenized. What `wish` leaves unset is chosen here. */
export function tokenizeSpec(
  input: Exclude<NonNullable<GenerateRequest['input']>, { $case: 'tokenIds' }>,
  model: ReadyModel,
  wish: Pick<TokenizeRequest, 'addSpecial' | 'parseSpecial'>,
): TokenizeSpec {
  const { text, hasBos } =
    input.$case === 'text'
      ? { text: input.value, hasBos: false }
      : renderChat(input.value, model.loaded);
  return {
    model: model.key,
    text,
    addSpecial: wish.addSpecial ?? !hasBos,
    parseSpecial: wish.parseSpecial ?? true,
  };
}
