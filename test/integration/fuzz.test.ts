import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GenerateRequest } from '@outrider/sdk/proto';
import { Outrider } from '@outrider/sdk';
import { Status } from 'nice-grpc-common';
import { residentMemory } from '../../bench/src/processes.js';
import { frame, RawGrpc, type RawOutcome } from '../../bench/src/wire/raw-grpc.js';
import { fuzzedCalls } from '../support/fuzz/calls.js';
import { type Chance, chanceOf } from '../support/fuzz/chance.js';
import { anyMessage } from '../support/fuzz/messages.js';
import { type Service, startService } from '../support/serve.js';

// The same requests in each run, unless one asks for others.
const seed = Number(process.env['OUTRIDER_FUZZ_SEED'] ?? 1);
const messages = 10_000;
const atOnce = 32;
const most = { server: 250, engine: 150 };
const mebibyte = 1024 * 1024;

// What grpc-js says by itself, before there is a handler: without details.
const bare: readonly (number | undefined)[] = [
  undefined,
  Status.OK,
  Status.CANCELLED,
  Status.DEADLINE_EXCEEDED,
];

describe('a service that is sent rubbish', () => {
  let service: Service;
  let before: { server: number; engine: number };

  beforeAll(async () => {
    console.info(`OUTRIDER_FUZZ_SEED=${seed}`);
    service = await startService();
    before = memory();
  }, 90_000);

  afterAll(() => service.stop());

  it('answers 10,000 requests of every method, random or almost right, with a status that fits', async () => {
    const chance = chanceOf(seed);
    const calls = fuzzedCalls();
    const unfit: string[] = [];
    const seen = new Map<string, number>();
    let left = messages;
    const worker = async (): Promise<void> => {
      using connection = await RawGrpc.connect(service.address);
      while (left-- > 0 && unfit.length < 20) {
        const { path, seeds } = calls[left % calls.length] ?? { path: '', seeds: [] };
        const message = anyMessage(seeds, chance);
        const outcome = await connection.call(path, frame(message), {
          timeoutMs: 10_000,
          // What streams on would go on for long; to leave is one more thing to be borne.
          onData: (_, stream) => stream.close(8),
        });
        const code = outcome.status === undefined ? 'none' : (Status[outcome.status] ?? '?');
        seen.set(code, (seen.get(code) ?? 0) + 1);
        if (!fits(path, outcome))
          unfit.push(`${path} ${message.toString('hex')}: ${JSON.stringify(outcome)}`);
      }
    };

    await Promise.all(Array.from({ length: atOnce }, worker));

    expect(unfit).toEqual([]);
    // Were everything refused for one reason, little would have been reached.
    expect([...seen.keys()]).toEqual(
      expect.arrayContaining(['OK', 'INVALID_ARGUMENT', 'NOT_FOUND', 'none']),
    );
    console.info(Object.fromEntries(seen));
    expect(await harm()).toEqual([]);
  }, 120_000);

  it('refuses what is larger than 4 MiB, packed or not, and frames that are none', async () => {
    const small = GenerateRequest.encode(
      GenerateRequest.fromPartial({ model: 'models/target', maxTokens: 1 }),
    ).finish();
    const bomb = gzipSync(Buffer.alloc(40 * mebibyte));
    const gzip = { headers: { 'grpc-encoding': 'gzip' } };
    using connection = await RawGrpc.connect(service.address);
    const generate = (body: Uint8Array, options = {}) =>
      connection.call('/outrider.v1.GenerateService/Generate', body, {
        timeoutMs: 20_000,
        ...options,
      });

    expect(await generate(frame(Buffer.alloc(5 * mebibyte)))).toMatchObject({ status: tooLarge });
    expect(await generate(Buffer.from('00ffffffff00', 'hex'))).toMatchObject({ status: tooLarge });
    expect(await generate(frame(bomb, 1), gzip)).toMatchObject({ status: tooLarge });
    // A size that may be sent, of a prompt that fits no context.
    const long = {
      model: 'models/target',
      input: { $case: 'text', value: 'a '.repeat(1_900_000) },
    } as const;
    expect(
      await generate(frame(GenerateRequest.encode(GenerateRequest.fromPartial(long)).finish())),
    ).toMatchObject({ status: Status.INVALID_ARGUMENT, detailed: true });
    // Two messages where one belongs, half of one, none, and one packed in an unknown way.
    const odd = [
      Buffer.concat([frame(small), frame(small)]),
      frame(small).subarray(0, 7),
      frame(small, 1),
    ];
    for (const body of [...odd, Buffer.alloc(0)])
      expect([Status.UNIMPLEMENTED, Status.INVALID_ARGUMENT, undefined]).toContain(
        (await generate(body, { headers: { 'grpc-encoding': 'snappy' }, timeoutMs: 500 })).status,
      );
    expect(
      await connection.call('/outrider.v1.GenerateService/Nothing', frame(small)),
    ).toMatchObject({
      status: Status.UNIMPLEMENTED,
    });
    expect(await harm()).toEqual([]);
  }, 60_000);

  it('bears random bytes at its port, also behind a proper HTTP/2 preface', async () => {
    const chance = chanceOf(seed + 1);
    const preface = Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.from('000000040000000000', 'hex'),
    ]);

    for (let round = 0; round < 40; round++)
      await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          const socket = await open(service.address);
          if (i % 2 === 0) socket.write(preface);
          for (let frames = chance.below(8); frames >= 0; frames--) socket.write(anyFrame(chance));
          await ended(socket, chance.below(20));
        }),
      );
    expect(await harm()).toEqual([]);
  }, 60_000);

  it('bears 1,000 connections that are opened and dropped, some in the midst of a call', async () => {
    const chance = chanceOf(seed + 2);
    const request = GenerateRequest.fromPartial({
      model: 'models/target',
      input: { $case: 'text', value: 'Once upon a time' },
      maxTokens: 200,
    });
    const body = frame(GenerateRequest.encode(request).finish());

    for (let wave = 0; wave < 10; wave++)
      await Promise.all(
        Array.from({ length: 100 }, async () => {
          if (chance.below(4) > 0) {
            (await open(service.address)).destroy();
            return;
          }
          const connection = await RawGrpc.connect(service.address);
          // Dropped with the first piece of the answer.
          const drop = () => connection[Symbol.dispose]();
          await connection.call('/outrider.v1.GenerateService/Generate', body, { onData: drop });
        }),
      );

    await untilIdle(service);
    expect(await harm()).toEqual([]);
  }, 120_000);

  /** What the rubbish has done to the service. */
  async function harm(): Promise<string[]> {
    const { status } = await healthOf(service.address);
    const now = memory();
    const grown = {
      server: Math.max(0, now.server - before.server),
      engine: Math.max(0, now.engine - before.engine),
    };
    return [
      ...(status === Status.OK ? [] : [`health answers ${status ?? 'nothing'}`]),
      ...(grown.server < most.server ? [] : [`the server has grown by ${grown.server} MiB`]),
      ...(grown.engine < most.engine ? [] : [`the engine has grown by ${grown.engine} MiB`]),
      ...(service.enginePids.length === 1
        ? []
        : [`there are ${service.enginePids.length} engines`]),
      ...complaintsIn(service.log),
    ];
  }

  function memory(): { server: number; engine: number } {
    const mebibytes = (pid: number | undefined) => residentMemory(pid ?? 0).total / mebibyte;
    return { server: mebibytes(service.pid), engine: mebibytes(service.enginePid) };
  }
});

const tooLarge = Status.RESOURCE_EXHAUSTED;

function fits(path: string, { status, detailed, silent }: RawOutcome): boolean {
  if (silent) return false;
  if (status === Status.UNKNOWN || status === Status.INTERNAL || status === Status.DATA_LOSS)
    return false;
  // Health and reflection are those of a library.
  return detailed || bare.includes(status) || path.startsWith('/grpc.');
}

/** A frame with a right length and nothing else right, or not even that. */
function anyFrame(chance: Chance): Buffer {
  const payload = chance.bytes(chance.below(100));
  if (chance.below(3) === 0) return payload;
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(chance.below(12), 3);
  head.writeUInt8(chance.below(256), 4);
  head.writeUInt32BE(chance.below(8), 5);
  return Buffer.concat([head, payload]);
}

async function open(address: string): Promise<Socket> {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Waits until the server has closed the connection, or breaks it off. */
async function ended(socket: Socket, patienceMs: number): Promise<void> {
  if (socket.closed) return;
  const closed = new Promise(resolve => socket.once('close', resolve));
  socket.resume().setTimeout(1 + patienceMs, () => socket.destroy());
  await closed;
}

async function healthOf(address: string): Promise<RawOutcome> {
  using connection = await RawGrpc.connect(address);
  return await connection.call('/grpc.health.v1.Health/Check', frame(Buffer.alloc(0)), {
    timeoutMs: 5_000,
  });
}

async function untilIdle(service: Service): Promise<void> {
  await using client = await Outrider.connect(service.address);
  for (;;) {
    const models = await client.models.list();
    const busy = models.reduce(
      (sum, each) => sum + each.activeGenerations + each.queuedGenerations,
      0,
    );
    if (busy === 0) return;
  }
}

/** Lines of a log that tell of errors, and whatever was said beside the log: warnings of Node, stacks. */
function complaintsIn(log: string): string[] {
  return log.split('\n').filter(line => {
    if (line === '' || line.startsWith('outrider: no --model given')) return false;
    return !/^\{"level":[34]0,/.test(line);
  });
}
