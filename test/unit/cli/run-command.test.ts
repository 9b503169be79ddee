import { describe, expect, it } from '@jest/globals';
import {
  BaselineMethod,
  FinishReason,
  type GenerateRequest,
  GenerateResponse,
} from '@outrider/sdk/proto';
import { Status } from 'nice-grpc';
import { runCommandLine } from '../../../server/src/cli/program.js';
import { jsonLines, outrider, refusal } from './against.js';
import { type Answers, fakeService } from './fake-service.js';
import { recordingIo } from './recording-io.js';

const COMPLETION = {
  finishReason: FinishReason.LENGTH,
  usage: { completionTokens: 3 },
  timings: { tokensPerSecond: 20 },
  speculation: {
    numSpecSteps: 1,
    numDraftTokens: 2,
    numAcceptedDraftTokens: 1,
    draftAcceptanceRate: 0.5,
    meanAcceptanceLength: 2,
    estimatedSpeedup: 1.5,
    baselineMethod: BaselineMethod.SINGLE_FORWARD_EWMA,
  },
};

describe('outrider run with --address', () => {
  const first = GenerateResponse.fromPartial({
    event: { $case: 'step', value: { tokens: [{ text: 'Once' }] } },
  });
  const second = GenerateResponse.fromPartial({
    event: {
      $case: 'step',
      value: { tokens: [{ text: ' upon', fromDraft: true }, { text: ' a' }] },
    },
  });
  const responses = [
    GenerateResponse.fromPartial({
      event: { $case: 'started', value: { speculation: { active: true } } },
    }),
    first,
    second,
    GenerateResponse.fromPartial({ event: { $case: 'completion', value: COMPLETION } }),
  ];
  const running = (requests: GenerateRequest[] = []): Answers => ({
    loadModel: async function* ({ modelId }) {
      yield { event: { $case: 'model', value: { name: `models/${modelId}` } } };
    },
    generate: async function* (request) {
      requests.push(request);
      yield* responses;
    },
  });

  it('prints the text on standard output and the figures on standard error', async () => {
    const requests: GenerateRequest[] = [];

    const { exit, out, err } = await outrider(running(requests), [
      ...['run', '-m', 'big.gguf', '-p', 'Hi', '-n', '3', '-s', '1'],
    ]);

    expect(exit).toBe(0);
    expect(requests).toMatchObject([
      { model: 'models/big', input: { value: 'Hi' }, maxTokens: 3, sampling: { seed: 1 } },
    ]);
    expect(out).toBe('Once upon a\n');
    expect(err).toBe(
      'outrider: 3 tokens (length), 20.0 tokens/s, 1/2 drafted tokens accepted, ' +
        'acceptance rate 0.50, mean acceptance length 2.00, estimated speed-up 1.50 (single forward ewma)\n',
    );
  });

  it('colours accepted drafted tokens on a terminal', async () => {
    const { out } = await outrider(running(), ['run', '-m', 'b.gguf', '-p', 'Hi'], {
      terminal: true,
    });

    expect(out).toBe('Once\u001b[32m upon\u001b[39m a\n');
  });

  it('prints each response and no text with --json', async () => {
    const { out } = await outrider(running(), ['run', '-m', 'b.gguf', '-p', 'Hi', '--json']);

    expect(jsonLines(out).map(line => Object.keys(line as object))).toEqual([
      ['started'],
      ['step'],
      ['step'],
      ['completion'],
    ]);
    expect(jsonLines(out)[2]).toEqual({
      step: { tokens: [{ text: ' upon', fromDraft: true }, { text: ' a' }] },
    });
  });

  it('takes the embedded pair and says so when no model is named', async () => {
    const { exit, err } = await outrider(running(), ['run']);

    expect(exit).toBe(0);
    expect(err).toMatch(/^outrider: no --model given: using the embedded pair/);
  });

  it('ends the line before it tells of a stream that broke', async () => {
    const answers: Answers = {
      ...running(),
      generate: async function* () {
        yield first;
        throw refusal(Status.UNAVAILABLE, 'ENGINE_RESTARTED', 'the engine died');
      },
    };

    const { exit, out, err } = await outrider(answers, ['run', '-m', 'b.gguf', '-p', 'Hi']);

    expect(exit).toBe(4);
    expect(out).toBe('Once\n');
    expect(err).toBe(
      'outrider: UNAVAILABLE ENGINE_RESTARTED: the engine died\n' +
        '  remedy: try again: the engine is coming back\n',
    );
  });

  it('cancels the stream and exits with 130 when it is interrupted', async () => {
    const io = recordingIo({
      onWrite: written => {
        if (written.out === 'Once') written.signal();
      },
    });
    let sayCancelled: () => void = () => undefined;
    const cancelled = new Promise<void>(resolve => (sayCancelled = resolve));
    await using service = await fakeService({
      ...running(),
      generate: async function* (_request, { signal }) {
        yield first;
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()));
        sayCancelled();
      },
    });

    const exit = await runCommandLine(
      ['run', '-m', 'b.gguf', '-p', 'Hi', '--address', service.address],
      io,
    );

    expect(exit).toBe(130);
    await cancelled;
    expect(io.out).toBe('Once\n');
  });

  it.each([
    ['--llama-dir', '/l'],
    ['--rpc', 'far:1'],
  ])('refuses %s for a server that is not its own', async (flag, value) => {
    const io = recordingIo();

    expect(await runCommandLine(['run', '--address', 'x:1', flag, value], io)).toBe(2);
    expect(io.err).toContain(`--address and ${flag} exclude each other`);
  });
});
