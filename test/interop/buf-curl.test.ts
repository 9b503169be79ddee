import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bufCurl } from '../support/buf-curl.js';
import { startService, type Service } from '../support/serve.js';

const LOAD = 'outrider.v1.LoadModelService/LoadModel';
const GENERATE = 'outrider.v1.GenerateService/Generate';
const DEVICES = 'outrider.v1.DeviceInfoService/GetDeviceInfo';
const HEALTH = 'grpc.health.v1.Health/Check';
const EXIT_INVALID_ARGUMENT = 3 * 8;

const target = {
  modelId: 'big',
  source: { uri: 'embedded:target' },
  options: { threads: 1, contextLength: 512 },
};
const draft = {
  modelId: 'small',
  source: { uri: 'embedded:draft' },
  draftFor: 'models/big',
  options: { threads: 1 },
};

describe('buf curl, a Go client', () => {
  let service: Service;

  beforeAll(async () => {
    service = await startService();
  }, 90_000);

  afterAll(async () => {
    await service.stop();
  }, 30_000);

  it('loads a target and its draft, knowing the service from reflection alone', async () => {
    const big = await bufCurl(service.address, LOAD, target);
    const small = await bufCurl(service.address, LOAD, draft);

    expect(big.responses.at(-1)).toMatchObject({
      model: { name: 'models/big', state: 'MODEL_STATE_READY', placement: { measured: true } },
    });
    expect(small.responses.at(-1)).toMatchObject({
      model: { name: 'models/small', state: 'MODEL_STATE_READY', role: 'ROLE_DRAFT' },
    });
  }, 60_000);

  it('lists the devices and what each loaded model holds on them', async () => {
    const { responses, exitCode } = await bufCurl(service.address, DEVICES, {});

    expect(exitCode).toBe(0);
    expect(responses[0]).toMatchObject({
      inventory: {
        devices: expect.arrayContaining([
          expect.objectContaining({
            name: 'cpu',
            type: 'DEVICE_TYPE_CPU',
            models: expect.arrayContaining([expect.objectContaining({ model: 'models/big' })]),
          }),
        ]),
        engines: [expect.objectContaining({ name: 'default', running: true })],
      },
    });
  }, 60_000);

  it.each([
    ['reflection', []],
    ['the files in proto/', ['--schema', 'proto']],
  ])(
    'streams a drafted generation, with messages known from %s',
    async (_, flags) => {
      const { responses, exitCode } = await bufCurl(
        service.address,
        GENERATE,
        {
          ...{ model: 'big', text: 'Once upon a time', maxTokens: 24, sampling: { seed: 7 } },
          speculation: { mode: 'SPECULATION_MODE_FIXED', maxDraftTokens: 4 },
        },
        flags,
      );

      expect(exitCode).toBe(0);
      expect(responses[0]).toMatchObject({
        started: { seed: 7, speculation: { active: true, draftModel: 'models/small' } },
      });
      expect(responses.at(-1)).toMatchObject({
        completion: {
          finishReason: 'FINISH_REASON_LENGTH',
          usage: { completionTokens: 24 },
          speculation: { numDraftTokens: expect.any(Number) },
        },
      });
    },
    60_000,
  );

  it('gets the reason, its own request id and all violations of a refusal', async () => {
    const { exitCode, error } = await bufCurl(
      service.address,
      GENERATE,
      { model: 'big', text: 'Once', logprobs: 21, sampling: { temperature: -1 } },
      ['-H', 'x-request-id: from-buf-1'],
    );

    expect(exitCode).toBe(EXIT_INVALID_ARGUMENT);
    expect(error).toMatchObject({
      code: 'invalid_argument',
      reason: 'INVALID_FIELD',
      metadata: { request_id: 'from-buf-1' },
    });
    expect(error?.violations).toEqual(expect.arrayContaining(['logprobs', 'sampling.temperature']));
  }, 60_000);

  it.each([
    ['reflection', []],
    ['its published contract', ['--schema', 'node_modules/grpc-health-check/proto']],
  ])(
    'learns from the health service, known from %s, that the server serves',
    async (_, flags) => {
      const { responses } = await bufCurl(service.address, HEALTH, {}, flags);

      expect(responses).toEqual([{ status: 'SERVING' }]);
    },
    60_000,
  );
});
