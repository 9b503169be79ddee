import { describe, expect, it } from '@jest/globals';
import {
  type GenerateResponse,
  SpeculationMode,
  SpeculationParams,
  type SpeculationSummary,
  StatsLevel,
} from '@outrider/sdk/proto';
import { serverConfig } from '../../../server/src/config/config.js';
import { startServer } from '../../../server/src/rpc/server.js';
import { FakeEngine } from '../../support/fake-engine.js';
import { scrape, scrapeUntil } from '../../support/scrape.js';
import { embedded, failureOf, firstEvents, readAll, Served } from './served.js';

const NEVER = () => new Promise<void>(() => undefined);
const ADMIN = { admin: '127.0.0.1:0' };
const FOUR = { mode: SpeculationMode.FIXED, maxDraftTokens: 4 };
const PAIR = {
  ...ADMIN,
  defaults: { sampling: {}, speculation: FOUR },
  models: [embedded('big'), embedded('small', { draftFor: 'big' })],
};
const BIG = { model: 'models/big' };
const SPEC = 'outrider_spec_decode';

describe('the metrics of a server', () => {
  it('equal the summaries of the streams', async () => {
    await using served = await Served.ready(PAIR);
    const summaries: SpeculationSummary[] = [];
    for (const maxTokens of [12, 5, 1]) {
      summaries.push(summaryOf(await readAll(served.generate({ maxTokens }))));
    }
    const sum = (of: (summary: SpeculationSummary) => number) =>
      summaries.reduce((so, summary) => so + of(summary), 0);

    const scraped = await scrape(served.server.adminAddress);

    expect({
      generated: scraped.value('outrider_generation_tokens_total', BIG),
      prompt: scraped.value('outrider_prompt_tokens_total', BIG),
      steps: scraped.value('outrider_steps_total', BIG),
      drafts: scraped.value(`${SPEC}_num_drafts_total`, BIG),
      drafted: scraped.value(`${SPEC}_num_draft_tokens_total`, BIG),
      accepted: scraped.value(`${SPEC}_num_accepted_tokens_total`, BIG),
      firstTokens: scraped.value('outrider_time_to_first_token_seconds_count', BIG),
      waits: scraped.value('outrider_queue_wait_seconds_count', BIG),
      ended: scraped.value('outrider_requests_total', { ...BIG, finish: 'length' }),
    }).toEqual({
      generated: 18,
      prompt: 15,
      steps: sum(s => s.numSteps),
      drafts: sum(s => s.numSpecSteps),
      drafted: sum(s => s.numDraftTokens),
      accepted: sum(s => s.numAcceptedDraftTokens),
      firstTokens: 3,
      waits: 3,
      ended: 3,
    });
    expect(sum(s => s.numAcceptedDraftTokens)).toBeGreaterThan(0);
    const seconds = (kind: string) => scraped.value(`outrider_step_${kind}_seconds_sum`, BIG);
    expect(seconds('verify')).toBeCloseTo(sum(s => s.verifyUs) / 1e6, 9);
    expect(seconds('draft')).toBeCloseTo(sum(s => s.draftUs) / 1e6, 9);
    expect(seconds('idle')).toBeCloseTo(sum(s => s.idleUs) / 1e6, 9);
    expect(seconds('overhead')).toBeCloseTo(sum(s => s.overheadUs) / 1e6, 9);
  });

  it.each([StatsLevel.NONE, StatsLevel.SUMMARY, StatsLevel.STEPS, StatsLevel.DETAILED])(
    'count the same at %s',
    async statsLevel => {
      await using served = await Served.ready(PAIR);

      await readAll(served.generate({ maxTokens: 12, statsLevel }));
      const scraped = await scrape(served.server.adminAddress);

      const name = `${SPEC}_num_accepted_tokens_per_pos_total`;
      // 12 tokens: the first, three steps with 2 of 4 accepted, and two with none.
      expect(scraped.byPosition(name, BIG)).toEqual([3, 3]);
      expect(scraped.value('outrider_generation_tokens_total', BIG)).toBe(12);
    },
  );

  it('leave out streams that dice accept for', async () => {
    await using served = await Served.ready({ ...PAIR, allowSynthetic: true });
    const speculation = SpeculationParams.fromPartial({ ...FOUR, synthetic: { rates: [1] } });

    const events = await readAll(served.generate({ maxTokens: 12, speculation }));
    const scraped = await scrape(served.server.adminAddress);

    expect(events.every(({ synthetic }) => synthetic)).toBe(true);
    expect(scraped.value('outrider_generation_tokens_total', BIG)).toBeUndefined();
    expect(scraped.value(`${SPEC}_num_accepted_tokens_total`, BIG)).toBeUndefined();
    expect(scraped.value('outrider_requests_total', BIG)).toBeUndefined();
  });

  it('count a stream whose caller leaves, up to where it came', async () => {
    const engine = new FakeEngine({
      onStep: (_spec, index) => (index === 1 ? NEVER() : undefined),
    });
    await using served = await Served.ready(PAIR, engine);

    const { rest } = await firstEvents(served.generate({ maxTokens: 12 }), 3);
    const during = await scrape(served.server.adminAddress);
    await rest.return?.();
    const ended = { ...BIG, finish: 'cancelled' };
    const after = await scrapeUntil(
      served.server.adminAddress,
      scraped => scraped.value('outrider_requests_total', ended) === 1,
    );

    expect(during.value('outrider_num_requests_running', BIG)).toBe(1);
    expect(during.value('outrider_num_drafts_running', { model: 'models/small' })).toBe(1);
    expect(after.value('outrider_num_requests_running', BIG)).toBe(0);
    expect(after.value('outrider_steps_total', BIG)).toBe(1);
    expect(after.value('outrider_generation_tokens_total', BIG)).toBe(4);
  });

  it('tell who waits, who was refused and why, without making labels of unknown names', async () => {
    const engine = new FakeEngine({ onStep: NEVER });
    const options = { parallelSequences: 1 };
    const models = [embedded('big', { options })];
    await using served = await Served.ready({ ...ADMIN, models, maxQueue: 1 }, engine);
    const gone = new AbortController();
    const { signal } = gone;

    const running = await firstEvents(served.generate({ maxTokens: 9 }, { signal }), 2);
    const queued = failureOf(served.generate({}, { signal })).catch(() => undefined);
    const full = await scrapeUntil(
      served.server.adminAddress,
      scraped => scraped.value('outrider_num_requests_waiting', BIG) === 1,
    );
    await failureOf(served.generate());
    await failureOf(served.generate({ model: 'models/made-up' }));
    await failureOf(served.generate({ maxTokens: 0 }));
    const after = await scrape(served.server.adminAddress);
    gone.abort();
    await Promise.allSettled([queued, running.rest.next()]);

    const refused = (labels: Record<string, string>) =>
      after.value('outrider_requests_rejected_total', labels);
    expect(full.value('outrider_num_requests_running', BIG)).toBe(1);
    expect(refused({ ...BIG, reason: 'QUEUE_FULL' })).toBe(1);
    expect(refused({ ...BIG, reason: 'INVALID_FIELD' })).toBe(1);
    expect(refused({ model: '', reason: 'MODEL_NOT_FOUND' })).toBe(1);
    expect(after.text).not.toContain('made-up');
  });

  it('show calls by their status, under the usual names', async () => {
    await using served = await Served.ready(ADMIN);

    await readAll(served.generate({ maxTokens: 3 }));
    await failureOf(served.models.getModel({ name: 'models/none' }));
    const scraped = await scrape(served.server.adminAddress);

    const handled = (grpc_method: string, grpc_code: string) =>
      scraped.value('grpc_server_handled_total', { grpc_method, grpc_code });
    expect(handled('Generate', 'OK')).toBe(1);
    expect(handled('GetModel', 'NOT_FOUND')).toBe(1);
    const sent = { grpc_method: 'Generate', grpc_type: 'server_stream' };
    expect(scraped.value('grpc_server_msg_sent_total', sent)).toBe(5);
  });

  it('show states, memory and load times of models, and memory of devices', async () => {
    await using served = await Served.ready(PAIR);

    const scraped = await scrape(served.server.adminAddress);

    const state = (word: string) => scraped.value('outrider_model_state', { ...BIG, state: word });
    expect([state('ready'), state('failed'), state('unrecognized')]).toEqual([1, 0, undefined]);
    const bytes = (kind: string) =>
      scraped.value('outrider_model_memory_bytes', { ...BIG, device: 'cpu', kind });
    expect([bytes('weights'), bytes('kv_cache'), bytes('compute')]).toEqual([600, 300, 100]);
    const device = (kind: string) =>
      scraped.value('outrider_device_memory_bytes', { device: 'cpu', kind });
    expect([device('total'), device('free')]).toEqual([2 ** 34, 2 ** 33]);
    expect(scraped.value('outrider_kv_cache_capacity_tokens', BIG)).toBe(256);
    expect(scraped.value('outrider_model_load_seconds_count', BIG)).toBe(1);
  });

  it('belong to one server each', async () => {
    await using first = await Served.ready(ADMIN);
    await using second = await Served.ready(ADMIN);

    await readAll(first.generate({ maxTokens: 3 }));
    const scraped = await scrape(second.server.adminAddress);

    expect(scraped.value('outrider_generation_tokens_total', BIG)).toBeUndefined();
    expect(scraped.value('grpc_server_handled_total', { grpc_method: 'Generate' })).toBeUndefined();
  });
});

describe('the admin port', () => {
  it('is ready when the start-up models are, and no more while it drains', async () => {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>(resolve => (begin = resolve));
    const engine = new FakeEngine({ onLoad: () => begun, onStep: NEVER });
    await using served = await Served.start({ ...ADMIN, drainMs: 60_000 }, engine);
    const admin = served.server.adminAddress;

    expect(await page(admin, '/readyz')).toEqual([503, 'the start-up models are not loaded\n']);
    begin();
    await served.server.ready;
    expect(await page(admin, '/readyz')).toEqual([200, 'ready\n']);

    const running = await firstEvents(served.generate({ maxTokens: 9 }), 2);
    const closed = served.server.close();
    expect(await page(admin, '/readyz')).toEqual([503, 'the server is shutting down\n']);
    expect(await page(admin, '/healthz')).toEqual([200, 'ok\n']);
    await running.rest.return?.();
    await closed;
    await expect(page(admin, '/healthz')).rejects.toThrow('fetch failed');
  });

  it('tells that the engine is away, and of its restart afterwards', async () => {
    await using served = await Served.ready(ADMIN);
    const admin = served.server.adminAddress;
    const engine = { engine: 'default' };

    served.engine.die();
    const [unready, down] = [await page(admin, '/readyz'), await scrape(admin)];
    served.engine.restart();
    const up = await scrapeUntil(
      admin,
      scraped => scraped.value('outrider_model_state', { ...BIG, state: 'ready' }) === 1,
    );

    expect(unready).toEqual([503, 'the engine is being restarted\n']);
    expect(down.value('outrider_engine_up', engine)).toBe(0);
    expect(down.value('outrider_model_state', { ...BIG, state: 'reloading' })).toBe(1);
    expect(down.value('outrider_model_memory_bytes')).toBeUndefined();
    expect(down.value('outrider_device_memory_bytes')).toBeUndefined();
    expect(up.value('outrider_engine_restarts_total', engine)).toBe(1);
    expect(up.value('outrider_model_load_seconds_count', BIG)).toBe(2);
    expect(await page(admin, '/readyz')).toEqual([200, 'ready\n']);
  });

  it('has three pages for reading and no other', async () => {
    await using served = await Served.ready(ADMIN);
    const admin = served.server.adminAddress;

    expect((await page(admin, '/'))[0]).toBe(404);
    expect((await page(admin, '/metrics', 'POST'))[0]).toBe(405);
    expect(await page(admin, '/healthz', 'HEAD')).toEqual([200, '']);
    const response = await fetch(`http://${admin ?? ''}/metrics?now`);
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
  });

  it('is refused where another one listens, and leaves nothing behind', async () => {
    await using served = await Served.ready(ADMIN);
    const engine = new FakeEngine();
    const config = serverConfig({ port: 0, admin: served.server.adminAddress ?? '' });

    await expect(startServer(config, { engine })).rejects.toMatchObject({
      reason: 'INVALID_FIELD',
      message: expect.stringContaining('EADDRINUSE'),
      violations: [expect.objectContaining({ field: 'admin' })],
    });
    expect(engine.closed).toBe(true);
  });

  it('can be off', async () => {
    await using served = await Served.ready({ admin: 'off' });

    expect(served.server.adminAddress).toBeUndefined();
  });
});

async function page(
  admin: string | undefined,
  path: string,
  method = 'GET',
): Promise<[status: number, text: string]> {
  const response = await fetch(`http://${admin ?? ''}${path}`, { method });
  return [response.status, await response.text()];
}

function summaryOf(events: readonly GenerateResponse[]): SpeculationSummary {
  const last = events.at(-1)?.event;
  const summary = last?.$case === 'completion' ? last.value.speculation : undefined;
  if (summary === undefined) throw new Error('the stream has no summary');
  return summary;
}
