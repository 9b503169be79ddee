import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeUnless } from '../support/describe-unless.js';
import { callFromPython, noPythonClient } from '../support/python-client.js';
import { startService, type Service } from '../support/serve.js';

const [describeWithGrpc, note] = describeUnless(noPythonClient());

const LOAD = 'outrider.v1.LoadModelService/LoadModel';
const GET = 'outrider.v1.LoadModelService/GetModel';
const GENERATE = 'outrider.v1.GenerateService/Generate';

describeWithGrpc(`a Python client${note}`, () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService();
    for (const request of [
      {
        model_id: 'big',
        source: { uri: 'embedded:target' },
        options: { threads: 1, context_length: 4096, parallel_sequences: 1 },
      },
      {
        model_id: 'small',
        source: { uri: 'embedded:draft' },
        draft_for: 'models/big',
        options: { threads: 1 },
      },
    ]) {
      const { status } = await callFromPython(service.address, LOAD, request);
      if (status.code !== 'OK') throw new Error(JSON.stringify(status));
    }
  }, 120_000);

  afterAll(async () => {
    await service.stop();
  }, 30_000);

  it('sees the stages of a load in order, then the model', async () => {
    const { responses } = await callFromPython(service.address, LOAD, {
      model_id: 'another',
      source: { uri: 'embedded:draft' },
      options: { threads: 1 },
    });

    const stages = responses.slice(0, -1).map(({ progress }) => stageOf(progress));
    expect(new Set(stages)).toEqual(
      new Set(['LOAD_STAGE_RESOLVING', 'LOAD_STAGE_LOADING', 'LOAD_STAGE_WARMING_UP']),
    );
    expect(stages).toEqual(inEnumOrder(stages));
    expect(responses.at(-1)).toMatchObject({
      model: { name: 'models/another', state: 'MODEL_STATE_READY', role: 'ROLE_TARGET' },
    });
  }, 60_000);

  it('streams a generation with the statistics of every step', async () => {
    const { responses, status } = await callFromPython(service.address, GENERATE, {
      model: 'big',
      text: 'Once upon a time',
      max_tokens: 40,
      sampling: { temperature: 0 },
      speculation: { mode: 'SPECULATION_MODE_FIXED', max_draft_tokens: 3 },
    });

    expect(status).toMatchObject({ code: 'OK' });
    expect(responses[0]).toMatchObject({
      started: { model: 'models/big', speculation: { active: true, draft_model: 'models/small' } },
    });
    const steps = responses.slice(1, -1);
    const tokens = steps.flatMap(({ step }) => listOf(step, 'tokens'));
    expect(tokens).toHaveLength(40);
    expect(steps.map(({ step }) => stepIndex(step))).toEqual([
      undefined,
      ...Array.from({ length: steps.length - 1 }, (_, i) => i),
    ]);
    expect(responses.at(-1)).toMatchObject({
      completion: {
        finish_reason: 'FINISH_REASON_LENGTH',
        usage: { completion_tokens: 40 },
        speculation: { num_steps: steps.length - 1 },
      },
    });
  }, 60_000);

  it('frees the only sequence of a model by cancelling its stream', async () => {
    const endless = {
      model: 'big',
      text: 'Once upon a time',
      max_tokens: 4000,
      sampling: { ignore_eos: true, seed: 1 },
    };

    const cancelled = await callFromPython(service.address, GENERATE, endless, {
      cancelAfter: 5,
      requestId: 'cancelled-by-python',
    });
    const next = await callFromPython(service.address, GENERATE, { ...endless, max_tokens: 4 });

    expect(cancelled.status).toMatchObject({ code: 'CANCELLED' });
    expect(cancelled.responses.at(-1)).not.toHaveProperty('completion');
    expect(next.status).toMatchObject({ code: 'OK' });
    expect(next.responses.at(-1)).toMatchObject({
      completion: { usage: { completion_tokens: 4 } },
    });
    // All 4000 tokens take longer than this on any machine.
    const logged = callsInLog(service.log).find(line => line.requestId === 'cancelled-by-python');
    expect(logged).toMatchObject({ code: 'CANCELLED' });
    expect(logged?.ms).toBeLessThan(2000);
    const after = await callFromPython(service.address, GET, { name: 'models/big' });
    expect(after.responses[0]).toMatchObject({ model: { state: 'MODEL_STATE_READY' } });
    expect(after.responses[0]).not.toHaveProperty('model.active_generations');
  }, 60_000);

  it('gets DEADLINE_EXCEEDED from a stream that takes longer than its deadline', async () => {
    const { responses, status } = await callFromPython(
      service.address,
      GENERATE,
      { model: 'big', text: 'Once upon a time', max_tokens: 4000, sampling: { ignore_eos: true } },
      { timeoutS: 0.5 },
    );

    expect(status).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(responses.at(-1)).not.toHaveProperty('completion');
  }, 60_000);

  it('gets every violated field, the reason and its own request id with a refusal', async () => {
    const { responses, status } = await callFromPython(
      service.address,
      GENERATE,
      { model: 'big', text: 'Once', max_tokens: 0, sampling: { top_p: 7 } },
      { requestId: 'from-python-1' },
    );

    expect(responses).toEqual([]);
    expect(status.code).toBe('INVALID_ARGUMENT');
    expect(status.trailers['x-request-id']).toBe('from-python-1');
    expect(status.details).toContainEqual({
      type: 'google.rpc.ErrorInfo',
      reason: 'INVALID_FIELD',
      domain: 'outrider',
      metadata: expect.objectContaining({ request_id: 'from-python-1' }),
    });
    const violations = status.details.flatMap(detail => listOf(detail, 'field_violations'));
    expect(violations.map(violation => valueOf(violation, 'field'))).toEqual(
      expect.arrayContaining(['max_tokens', 'sampling.top_p']),
    );
  }, 60_000);

  it('is told which model is unknown', async () => {
    const { status } = await callFromPython(service.address, GET, { name: 'models/nobody' });

    expect(status.code).toBe('NOT_FOUND');
    expect(status.details).toContainEqual(
      expect.objectContaining({ type: 'google.rpc.ErrorInfo', reason: 'MODEL_NOT_FOUND' }),
    );
    expect(status.details).toContainEqual(
      expect.objectContaining({
        type: 'google.rpc.ResourceInfo',
        resource_type: 'outrider.v1.Model',
        resource_name: 'models/nobody',
      }),
    );
  }, 60_000);
});

const STAGES = [
  'LOAD_STAGE_RESOLVING',
  'LOAD_STAGE_DOWNLOADING',
  'LOAD_STAGE_LOADING',
  'LOAD_STAGE_WARMING_UP',
];

interface LoggedCall {
  readonly requestId?: string;
  readonly code?: string;
  readonly ms?: number;
}

function callsInLog(log: string): LoggedCall[] {
  return log
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as LoggedCall);
}

function inEnumOrder(stages: readonly unknown[]): unknown[] {
  return stages.toSorted((a, b) => STAGES.indexOf(String(a)) - STAGES.indexOf(String(b)));
}

function stageOf(progress: unknown): unknown {
  return valueOf(progress, 'stage');
}

/** The index of a step with statistics; JSON leaves out a zero. */
function stepIndex(step: unknown): unknown {
  const stats = valueOf(step, 'stats');
  return stats === undefined ? undefined : (valueOf(stats, 'step_index') ?? 0);
}

function listOf(owner: unknown, field: string): unknown[] {
  const value = valueOf(owner, field);
  return Array.isArray(value) ? value : [];
}

function valueOf(owner: unknown, field: string): unknown {
  return typeof owner === 'object' && owner !== null ? Reflect.get(owner, field) : undefined;
}
