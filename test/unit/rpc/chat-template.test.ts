import { describe, expect, it } from '@jest/globals';
import { type ChatInput, ChatRole } from '@outrider/sdk/proto';
import { type LoadedModel } from '../../../server/src/engine/protocol.js';
import { renderChat } from '../../../server/src/rpc/chat-template.js';
import { loadedModel } from '../../support/fake-engine.js';

const PLAIN =
  '{% for m in messages %}[{{ m.role }}]{{ m.content }}</s>{% endfor %}' +
  '{% if add_generation_prompt %}[assistant]{% endif %}';

function model(chatTemplate: string): LoadedModel {
  const placement = {
    devices: [],
    gpuLayers: 0,
    splitMode: 'SPLIT_MODE_LAYER',
    mainDevice: '',
    tensorSplit: [],
    kvOffload: true,
    tensorOverrides: [],
  } as const;
  const spec = { model: 'models/big', path: '/big', placement, options: {} as never };
  return { ...loadedModel(spec), chatTemplate };
}

function chat(template: string, ...messages: [ChatRole, string][]): ChatInput {
  return { template, messages: messages.map(([role, content]) => ({ role, content })) };
}

describe('a conversation', () => {
  it('is rendered by the template of the model', () => {
    const input = chat('', [ChatRole.SYSTEM, 'Be kind.'], [ChatRole.USER, 'Hi']);

    expect(renderChat(input, model(PLAIN))).toEqual({
      text: '[system]Be kind.</s>[user]Hi</s>[assistant]',
      hasBos: false,
    });
  });

  it('prefers the template of the request', () => {
    const input = chat('{{ bos_token }}{{ messages[0].content }}', [ChatRole.USER, 'Hi']);

    expect(renderChat(input, model(PLAIN))).toEqual({ text: '<s>Hi', hasBos: true });
  });

  it('leaves a final assistant message open, with its spaces', () => {
    const trims = PLAIN.replaceAll('m.content', 'm.content | trim');
    const input = chat(trims, [ChatRole.USER, 'Hi'], [ChatRole.ASSISTANT, 'Once upon ']);

    expect(renderChat(input, model('')).text).toBe('[user]Hi</s>[assistant]Once upon ');
  });

  it('is refused when there is no template anywhere', () => {
    const input = chat('', [ChatRole.USER, 'Hi']);

    expect(() => renderChat(input, model(''))).toThrow(
      expect.objectContaining({ reason: 'CHAT_TEMPLATE_MISSING' }),
    );
  });

  it('is refused with what the template says about it', () => {
    const input = chat("{{ raise_exception('roles must alternate') }}", [ChatRole.USER, 'Hi']);

    expect(() => renderChat(input, model(''))).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        message: expect.stringContaining('roles must alternate'),
      }),
    );
  });

  it('cannot hold the server up with a template that never ends', () => {
    const endless =
      '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}';
    const began = performance.now();

    expect(() => renderChat(chat(endless, [ChatRole.USER, 'Hi']), model(''))).toThrow(
      expect.objectContaining({ reason: 'INVALID_FIELD' }),
    );
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
