import { createRequire } from 'node:module';
import { createContext, Script } from 'node:vm';
import { type ChatInput, type ChatMessage, ChatRole } from '@outrider/sdk/proto';
import { messageOf } from '../caught-error.js';
import { CodedError, invalidField } from '../coded-error.js';
import { type LoadedModel } from '../engine/protocol.js';

/** A conversation as the text that a model continues. */
export interface RenderedChat {
  readonly text: string;
  /** The template has written begin-of-text itself. */
  readonly hasBos: boolean;
}

/**
 * Renders a conversation. A final ASSISTANT message is left open, to be continued.
 * @throws CodedError CHAT_TEMPLATE_MISSING, INVALID_FIELD
 */
export function renderChat(chat: ChatInput, model: LoadedModel): RenderedChat {
  const source = chat.template || model.chatTemplate;
  if (source === '') {
    const text = 'neither the request nor the model has a chat template; give one, or plain text';
    throw new CodedError('CHAT_TEMPLATE_MISSING', text);
  }
  const { bosText, eosText } = model;
  const field = chat.template === '' ? 'chat.messages' : 'chat.template';
  const last = chat.messages.at(-1);
  const open = last?.role === ChatRole.ASSISTANT ? last : undefined;
  const messages = chat.messages.map(message => ({
    role: roleWord(message),
    content: message === open ? OPEN_END : message.content,
  }));
  const rendered = run(source, field, {
    messages,
    add_generation_prompt: open === undefined,
    bos_token: bosText,
    eos_token: eosText,
  });
  const text = open === undefined ? rendered : leftOpen(rendered, open, field);
  return { text, hasBos: bosText !== '' && text.startsWith(bosText) };
}

// Stands for the last message while the template runs; what the template puts behind it is cut off.
const OPEN_END = '\u{F0000}open-end\u{F0000}';

// A template comes from callers, and can loop.
const RENDER_MS = 1_000;

const RENDER = new Script('render()');

// Its declarations do not resolve under NodeNext, so it is loaded without them and looked at here.
const { Template } = jinja();

function jinja(): { Template: new (source: string) => { render(values: unknown): string } } {
  const loaded: unknown = createRequire(import.meta.url)('@huggingface/jinja');
  if (isJinja(loaded)) return loaded;
  throw new Error('@huggingface/jinja has no Template');
}

function isJinja(loaded: unknown): loaded is ReturnType<typeof jinja> {
  return (
    typeof loaded === 'object' &&
    loaded !== null &&
    'Template' in loaded &&
    typeof loaded.Template === 'function'
  );
}

function run(source: string, field: string, values: Record<string, unknown>): string {
  const render = () => new Template(source).render(values);
  try {
    const text: unknown = RENDER.runInContext(createContext({ render }), { timeout: RENDER_MS });
    return String(text);
  } catch (error) {
    const why = messageOf(error);
    throw invalidField(field, `the chat template refuses this: ${why.slice(0, 200)}`);
  }
}

function leftOpen(rendered: string, { content }: ChatMessage, field: string): string {
  const at = rendered.lastIndexOf(OPEN_END);
  if (at === -1) throw invalidField(field, 'the template leaves out the final assistant message');
  return rendered.slice(0, at) + content;
}

function roleWord({ role }: ChatMessage): 'system' | 'user' | 'assistant' {
  switch (role) {
    case ChatRole.SYSTEM:
      return 'system';
    case ChatRole.USER:
      return 'user';
    case ChatRole.ASSISTANT:
      return 'assistant';
    default:
      throw new Error(`role ${role} was let through`);
  }
}
