import { type HrTime, SpanStatusCode } from '@opentelemetry/api';
import { type ReadableSpan } from '@opentelemetry/sdk-trace-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type CallContext, Metadata } from 'nice-grpc-common';
import { spanMiddleware } from '../../../server/src/rpc/middleware/tracing.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { Spans } from '../../support/spans.js';
import { embedded, failureOf, firstEvents, readAll, Served } from './served.js';

const GENERATE = 'outrider.v1.GenerateService/Generate';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const FOLLOWED = { metadata: Metadata({ traceparent: `00-${TRACE}-${CALLER}-01` }) };
const ONE_SEQUENCE = { models: [embedded('big', { options: { parallelSequences: 1 } })] };

describe('a server without an OpenTelemetry SDK', () => {
  it('serves, and knows of no trace', async () => {
    await using served = await Served.ready();

    await readAll(served.generate({ maxTokens: 1 }, FOLLOWED));

    const line = served.log.find(({ msg }) => msg === 'call');
    expect(line).toMatchObject({ code: 'OK' });
    expect(line).not.toHaveProperty('traceId');
  });

  it('puts nothing between a call and its handler', () => {
    const handled = (async function* () {
      yield 'a message';
    })();
    const call = {
      ...{ requestStream: false, request: {}, responseStream: true },
      method: { path: `/${GENERATE}`, requestStream: false, responseStream: true, options: {} },
      next: () => handled,
    } as unknown as Parameters<typeof spanMiddleware>[0];
    const context = {} as CallContext;

    expect(spanMiddleware(call, context)).toBe(handled);
  });
});

describe('a server with an OpenTelemetry SDK', () => {
  let spans: Spans;

  beforeAll(() => {
    spans = new Spans();
  });

  beforeEach(() => {
    spans.clear();
  });

  afterAll(async () => {
    await spans[Symbol.asyncDispose]();
  });

  it("puts a generation into its caller's trace, with its stages below it one after another", async () => {
    await using served = await Served.ready();

    await readAll(served.generate({ maxTokens: 3 }, FOLLOWED));

    const call = await spans.named(GENERATE);
    const stages = await Promise.all(['queue', 'prefill', 'decode'].map(name => spans.named(name)));
    expect(call.spanContext().traceId).toBe(TRACE);
    expect(call.parentSpanContext?.spanId).toBe(CALLER);
    for (const stage of stages) {
      expect(stage.parentSpanContext?.spanId).toBe(call.spanContext().spanId);
      expect(stage.status.code).toBe(SpanStatusCode.UNSET);
    }
    const [queue, prefill, decode] = stages;
    expect(queue?.endTime).toEqual(prefill?.startTime);
    expect(prefill?.endTime).toEqual(decode?.startTime);
    const times = [call.startTime, ...stages.map(({ startTime }) => startTime), decode?.endTime];
    expect(times.map(inOrder)).toEqual([...times.map(inOrder)].sort());
  });

  it('tells totals and the request in attributes, and neither the prompt nor the output', async () => {
    const draft = { ...embedded('small'), draftFor: 'big' };
    await using served = await Served.ready(
      { models: [embedded('big'), draft] },
      new FakeEngine({ word: i => `secret${i} ` }),
    );
    const metadata = Metadata({ 'x-request-id': 'mine-1' });

    await readAll(
      served.generate(
        { maxTokens: 4, input: { $case: 'text', value: 'the secret recipe' }, stop: ['secrecy'] },
        { metadata },
      ),
    );

    const call = await spans.named(GENERATE);
    expect(call.attributes).toMatchObject({
      'outrider.request_id': 'mine-1',
      'outrider.draft_model': 'models/small',
      'gen_ai.request.model': 'models/big',
      'gen_ai.usage.input_tokens': expect.any(Number),
      'gen_ai.usage.output_tokens': 4,
      'gen_ai.response.finish_reasons': ['length'],
      'outrider.draft_tokens': expect.any(Number),
      'outrider.accepted_draft_tokens': expect.any(Number),
    });
    expect((await spans.named('decode')).attributes).toMatchObject({
      'gen_ai.usage.output_tokens': 4,
      'outrider.steps': expect.any(Number),
      'outrider.verify_us': expect.any(Number),
    });
    const told = spans.ended.map(({ name, attributes, events, status }) =>
      JSON.stringify({ name, attributes, events, status }),
    );
    expect(told.join('\n')).not.toMatch(/secre|recipe/);
  });

  it('writes the id of the trace into the log lines of the call', async () => {
    await using served = await Served.ready();

    await readAll(served.generate({ maxTokens: 1 }, FOLLOWED));

    await spans.named(GENERATE);
    expect(served.log.find(({ msg }) => msg === 'call')).toMatchObject({ traceId: TRACE });
  });

  it('shows in which stage a generation was cancelled, and how far it had come', async () => {
    const never = new Promise<void>(() => undefined);
    const engine = new FakeEngine({ onStep: (_spec, index) => (index < 2 ? undefined : never) });
    await using served = await Served.ready({}, engine);
    const { rest } = await firstEvents(served.generate({ maxTokens: 9 }, FOLLOWED), 4);

    await rest.return?.();

    const decode = await spans.named('decode');
    expect(decode.attributes).toMatchObject({
      'outrider.reason': 'CANCELLED',
      'gen_ai.usage.output_tokens': 3,
    });
    expect(decode.status.code).toBe(SpanStatusCode.ERROR);
    await spans.named(GENERATE);
    expect(namesOf(spans.ended)).toEqual(['queue', 'prefill', 'decode', GENERATE]);
  });

  it('shows why a generation was refused, and that it only queued', async () => {
    const never = new Promise<void>(() => undefined);
    await using served = await Served.ready(
      { maxQueue: 0, ...ONE_SEQUENCE },
      new FakeEngine({ onStep: () => never }),
    );
    const running = await firstEvents(served.generate({ maxTokens: 9 }), 1);

    const { info } = await failureOf(served.generate({}, FOLLOWED));

    const call = await spans.named(GENERATE);
    const below = spans.ended.filter(
      span => span.parentSpanContext?.spanId === call.spanContext().spanId,
    );
    expect(info?.reason).toBe('QUEUE_FULL');
    expect(call.attributes).toMatchObject({ 'outrider.reason': 'QUEUE_FULL' });
    expect(below.map(({ name, attributes }) => [name, attributes['outrider.reason']])).toEqual([
      ['queue', 'QUEUE_FULL'],
    ]);
    await running.rest.return?.();
  });

  it('records no probes of health', async () => {
    await using served = await Served.ready();

    await served.health.check({ service: '' });
    await served.models.listModels({});

    await spans.named('outrider.v1.LoadModelService/ListModels');
    expect(spans.ended).toHaveLength(1);
  });
});

/** As text that sorts like the time. */
function inOrder([seconds, nanoseconds]: HrTime = [0, 0]): string {
  return `${seconds}.${String(nanoseconds).padStart(9, '0')}`;
}

function namesOf(spans: readonly ReadableSpan[]): string[] {
  return spans.map(({ name }) => name);
}
