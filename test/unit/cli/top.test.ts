import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { runCommandLine } from '../../../server/src/cli/program.js';
import { jsonLines } from './against.js';
import { recordingIo } from './recording-io.js';

const scrape = (steps: number) => `# HELP outrider_num_requests_running Streams that generate.
outrider_num_requests_running{model="models/big"} 2
outrider_num_requests_running{model="models/small"} 0
outrider_num_requests_waiting{model="models/big"} 3
outrider_num_requests_waiting{model="models/small"} 0
outrider_num_drafts_running{model="models/big"} 0
outrider_num_drafts_running{model="models/small"} 2
outrider_model_state{model="models/big",state="loading"} 0
outrider_model_state{model="models/big",state="ready"} 1
outrider_model_state{model="models/small",state="ready"} 1
outrider_generation_tokens_total{model="models/big"} ${3 * steps}
outrider_prompt_tokens_total{model="models/big"} 5
outrider_spec_decode_num_drafts_total{model="models/big"} ${steps}
outrider_spec_decode_num_draft_tokens_total{model="models/big"} ${4 * steps}
outrider_spec_decode_num_accepted_tokens_total{model="models/big"} ${2 * steps}
outrider_step_seconds_sum{model="models/big"} ${0.02 * steps}
outrider_step_seconds_count{model="models/big"} ${steps}
outrider_kv_cache_usage_perc{model="models/big"} 0.25
outrider_model_memory_bytes{model="models/big",device="CUDA0",kind="weights"} 2147483648
outrider_model_memory_bytes{model="models/big",device="CUDA0",kind="kv_cache"} 1073741824
outrider_model_memory_bytes{model="models/small",device="cpu",kind="weights"} 1024
outrider_device_memory_bytes{device="CUDA0",kind="total"} 8589934592
outrider_device_memory_bytes{device="CUDA0",kind="free"} 5368709120
outrider_engine_up{engine="default"} 1
outrider_engine_restarts_total{engine="default"} 0
`;

describe('outrider top', () => {
  it('prints one frame of models and devices with --once', async () => {
    await using admin = await answering([scrape(100), scrape(110)]);
    const io = recordingIo();

    const exit = await top(io, admin.address, '--once');

    expect([exit, io.err]).toEqual([0, '']);
    expect(io.out).toMatch(
      /^MODEL +STATE +STREAMS +TOKENS\/S +PROMPT\/S +ACCEPTED +LENGTH +STEP +KV +BYTES\n/,
    );
    expect(io.out).toMatch(
      /\nmodels\/big +ready +2 \+ 3 queued +[\d.]+ +0\.0 +50 % +3\.00 +20\.0 ms +25 % +CUDA0 3\.0 GiB\n/,
    );
    expect(io.out).toMatch(
      /\nmodels\/small +ready +drafts for 2 +0\.0 +0\.0 +- +- +- +- +cpu 1\.0 KiB\n/,
    );
    expect(io.out).toMatch(/\nCUDA0 +8\.0 GiB +5\.0 GiB +3\.0 GiB\n/);
    expect(io.out).not.toContain('ENGINE');
  });

  it('tells with --json what happened between two scrapes, and how fast', async () => {
    await using admin = await answering([scrape(100), scrape(110), scrape(110)]);
    const io = recordingIo({
      onWrite: written => {
        if (written.out.split('\n').length === 3) written.signal();
      },
    });

    const exit = await top(io, admin.address, '--json');

    const [busy, quiet] = jsonLines(io.out) as [Figures, Figures];
    expect(exit).toBe(130);
    expect(busy).toMatchObject({
      models: [
        { model: 'models/big', state: 'ready', running: 2, waiting: 3, drafting: 0, kvUse: 0.25 },
        { model: 'models/small', bytes: { cpu: 1024 } },
      ],
      devices: [{ device: 'CUDA0', modelBytes: 3 * 2 ** 30, freeBytes: 5 * 2 ** 30 }],
      engines: [{ engine: 'default', up: true, restarts: 0 }],
    });
    const [big] = busy.models;
    expect(big).toMatchObject({ acceptanceRate: 0.5, meanAcceptanceLength: 3 });
    expect(big?.stepMs).toBeCloseTo(20);
    // 30 tokens in an interval that is no shorter than was asked for.
    expect(big?.tokensPerSecond).toBeGreaterThan(0);
    expect(big?.tokensPerSecond).toBeLessThanOrEqual(30 / 0.099);
    expect(quiet.models[0]).not.toHaveProperty('acceptanceRate');
    expect(quiet.models[0]?.tokensPerSecond).toBe(0);
  });

  it('counts from nothing when the server has begun anew', async () => {
    await using admin = await answering([scrape(100), scrape(10)]);
    const io = recordingIo();

    await top(io, admin.address, '--once', '--json');

    const [frame] = jsonLines(io.out) as [Figures];
    expect(frame.models[0]?.tokensPerSecond).toBeGreaterThan(0);
    expect(frame.models[0]?.acceptanceRate).toBe(0.5);
  });

  it('draws every frame over the one before on a terminal', async () => {
    await using admin = await answering([scrape(1), scrape(2), scrape(3)]);
    const io = recordingIo({
      terminal: true,
      onWrite: written => {
        if (written.out.split('MODEL').length > 3) written.signal();
      },
    });

    expect(await top(io, admin.address)).toBe(130);
    expect(io.out.split('\u001b[H\u001b[2JMODEL ').length).toBe(3);
  });

  it('shows engines once one has died', async () => {
    const died = scrape(1).replace(
      'outrider_engine_up{engine="default"} 1',
      'outrider_engine_up{engine="default"} 0',
    );
    await using admin = await answering([died, died]);
    const io = recordingIo();

    await top(io, admin.address, '--once');

    expect(io.out).toMatch(/\nENGINE +STATE +RESTARTS\ndefault +restarting +0\n/);
  });

  it.each([
    [['--admin', 'off'], '--admin: "off" is not host:port'],
    [['--interval', '5'], '--interval: 5 is too short'],
  ])('refuses %j', async (argv, complaint) => {
    const io = recordingIo();

    expect(await runCommandLine(['top', ...argv], io)).toBe(2);
    expect(io.err).toContain(complaint);
  });

  it('exits with 3 when nobody answers, or somebody else does', async () => {
    await using other = await answering(['up 1\n']);
    const io = recordingIo();

    expect(await top(io, '127.0.0.1:1', '--once')).toBe(3);
    expect(await top(io, other.address, '--once')).toBe(3);
    expect(io.err).toContain(`no Outrider server answers at http://${other.address}/metrics`);
  });
});

interface Figures {
  readonly models: readonly {
    readonly tokensPerSecond: number;
    readonly acceptanceRate?: number;
    readonly stepMs?: number;
  }[];
}

function top(
  io: ReturnType<typeof recordingIo>,
  admin: string,
  ...more: string[]
): Promise<number> {
  return runCommandLine(['top', '--admin', admin, '--interval', '100', ...more], io);
}

/** An admin port that answers in turn, the last one again and again. */
async function answering(texts: readonly string[]) {
  let asked = 0;
  const server = createServer((_request, response) => {
    response.end(texts[Math.min(asked, texts.length - 1)]);
    asked += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
