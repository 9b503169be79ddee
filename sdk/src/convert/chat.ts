import type * as wire from '../proto.js';
import { type ChatMessage } from '../types/generate.js';
import { chatRole } from './enums.js';

/** A conversation as it is sent. @throws InvalidRequestError for an unknown role */
export function writeChat(messages: readonly ChatMessage[], template?: string): wire.ChatInput {
  return {
    messages: messages.map(({ role, content }, i) => ({
      role: chatRole.write(role, `messages[${i}].role`),
      content,
    })),
    template: template ?? '',
  };
}

/** The messages of a conversation; those of unknown roles are dropped, as the service refuses them. */
export function readChat(chat: wire.ChatInput): ChatMessage[] {
  return chat.messages.flatMap(({ role, content }) => {
    const known = chatRole.read(role);
    return known === undefined ? [] : [{ role: known, content }];
  });
}
