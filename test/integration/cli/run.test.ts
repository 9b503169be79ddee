import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { GenerateResponse } from '@outrider/sdk/proto';
import { DRAFT_FILE, jsonLines, ONE_THREAD, outrider, start, TARGET_FILE } from './command.js';

const STORY = ['run', '-p', 'Once upon a time', '-n', '40', '-s', '7', ...ONE_THREAD];

describe('outrider run with the embedded pair', () => {
  it('prints a story, and what speculation did for it on standard error', async () => {
    const { exit, out, err } = await outrider([...STORY, '--speculation', '4']);

    expect(err).toMatch(
      new RegExp(
        '^outrider: no --model given: using the embedded pair, .*with placement none\\n' +
          'outrider: 40 tokens \\(length\\), [\\d.]+ tokens/s, \\d+/\\d+ drafted tokens accepted, ' +
          'acceptance rate 0\\.\\d\\d, mean acceptance length \\d\\.\\d\\d, (estimated speed-up|speed-up not).*\\n$',
      ),
    );
    expect(exit).toBe(0);
    expect(out).toMatch(/^.{60,}\n$/s);
    expect(out).not.toContain('\u001b');
  }, 60_000);

  it('prints the same story without speculation and says why there is none', async () => {
    const drafted = await outrider([...STORY, '--speculation', '4']);
    const plain = await outrider([...STORY, '--speculation', 'off']);

    expect(plain.err).toMatch(/40 tokens \(length\), .*speculation off: DISABLED/);
    expect(plain.out).toBe(drafted.out);
  }, 60_000);

  it('prints every response as a line of JSON', async () => {
    const { exit, out } = await outrider([...STORY, '--json']);

    const responses = jsonLines(out).map(line => GenerateResponse.fromJSON(line).event);
    const steps = responses.slice(1, -1);

    expect(exit).toBe(0);
    expect(responses[0]?.$case).toBe('started');
    expect(responses.at(-1)?.$case).toBe('completion');
    expect(new Set(steps.map(step => step?.$case))).toEqual(new Set(['step']));
    const tokens = steps.flatMap(step => (step?.$case === 'step' ? step.value.tokens : []));
    expect(tokens.length).toBe(40);
    expect(tokens.map(token => token.text).join('')).toBe((await outrider(STORY)).out.slice(0, -1));
  }, 60_000);

  it('colours accepted drafted tokens when told to', async () => {
    const { out } = await outrider([...STORY, '--color', 'always', '--speculation', '4']);

    const [first = '', ...accepted] = out.split('\u001b[32m');
    expect(first).not.toContain('\u001b');
    expect(accepted.length).toBeGreaterThan(0);
    expect(accepted.filter(part => part.indexOf('\u001b[39m') < 1)).toEqual([]);
  }, 60_000);

  it('reads the prompt from a pipe, and flags from the environment', async () => {
    const { exit, err } = await outrider(['run', '-f', '-', ...ONE_THREAD], {
      input: 'The king\n',
      env: { OUTRIDER_MAX_TOKENS: '5', OUTRIDER_SPECULATION: 'off' },
    });

    expect(exit).toBe(0);
    expect(err).toMatch(/outrider: 5 tokens \(length\), .*speculation off: DISABLED/);
  }, 60_000);
});

describe('outrider run with files', () => {
  it('takes them from anywhere, relative to where it is called', async () => {
    const { exit, err } = await outrider(
      [
        ...['run', '-m', basename(TARGET_FILE), '-md', DRAFT_FILE, '-p', 'Once', '-n', '8'],
        ...ONE_THREAD,
      ],
      { cwd: dirname(TARGET_FILE) },
    );

    expect(err).toMatch(/^outrider: 8 tokens \(length\), .*drafted tokens accepted/);
    expect(exit).toBe(0);
  }, 60_000);

  it('goes on without a draft when none is named and nothing else may draft', async () => {
    const { exit, err } = await outrider([
      ...['run', '-m', TARGET_FILE, '-p', 'Once', '-n', '8', '-t', '1'],
      ...['--draft-source', 'draft-model'],
    ]);

    expect(err).toMatch(/^outrider: 8 tokens \(length\), .*speculation off: NO_SOURCE/);
    expect(exit).toBe(0);
  }, 60_000);

  it('exits with 4 and names the reason when there is no such file', async () => {
    const args = ['run', '-m', '/does/not/exist.gguf', '-p', 'Once', '-t', '1'];

    const { exit, out, err } = await outrider(args);
    const json = await outrider([...args, '--json']);

    expect([exit, out]).toEqual([4, '']);
    expect(err).toMatch(
      /^outrider: NOT_FOUND MODEL_FILE_NOT_FOUND: .*\n {2}remedy: check the path/,
    );
    expect(json.exit).toBe(4);
    expect(JSON.parse(json.err)).toMatchObject({
      error: { code: 'NOT_FOUND', reason: 'MODEL_FILE_NOT_FOUND' },
    });
  }, 60_000);

  it('exits with 4 when the request is refused', async () => {
    const { exit, err } = await outrider([...STORY, '--top-p', '2']);

    expect(exit).toBe(4);
    expect(err).toMatch(/outrider: INVALID_ARGUMENT INVALID_FIELD: .*top_p/s);
  }, 60_000);
});

describe('outrider run that is ended early', () => {
  it('exits with 130 at an interruption and leaves nothing behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'outrider-test-'));
    try {
      const args = ['run', '-p', 'Once', '-n', '-1', '--ignore-eos', ...ONE_THREAD];
      const { child, err, exit } = start(args, { env: { TMPDIR: folder } });

      await once(child.stdout, 'data');
      child.kill('SIGINT');
      child.stdout.resume();

      expect(await exit).toBe(130);
      expect(await err).toMatch(/^outrider: no --model given[^\n]*\n$/);
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);

  it('ends quietly when the reader of its text leaves', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'outrider-test-'));
    try {
      const args = ['run', '-p', 'Once', '-n', '-1', '--ignore-eos', ...ONE_THREAD];
      const { child, err, exit } = start(args, { env: { TMPDIR: folder } });

      await once(child.stdout, 'data');
      child.stdout.destroy();

      expect(await exit).toBe(0);
      expect(await err).toMatch(/^outrider: no --model given[^\n]*\n$/);
      expect(await readdir(folder)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});
