import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { type CommandSpec, type Invocation } from '../../../server/src/cli/command.js';
import { COMMANDS } from '../../../server/src/cli/commands.js';
import { interrupted } from '../../../server/src/cli/failure.js';
import { runCommandLine } from '../../../server/src/cli/program.js';
import { recordingIo } from './recording-io.js';

describe('the command line', () => {
  it.each([
    [['serve', '--plan'], "unknown option '--plan'"],
    [['run', '-j', '{}'], "unknown option '-j'"],
    [['run', '--grammar', 'x'], "unknown option '--grammar'"],
    [['bench'], "unknown command 'bench'"],
    [['bench'], "unknown command 'bench'"],
    [['unload'], "missing required argument 'NAME'"],
    [['models', 'extra'], 'too many arguments'],
    [['run', '-p'], "option '--prompt <TEXT>' argument missing"],
  ])('refuses %j with exit 2 and says what is wrong', async (argv, complaint) => {
    const io = recordingIo();

    expect(await runCommandLine(argv, io)).toBe(2);
    expect(io.err).toContain(complaint);
    expect(io.out).toBe('');
  });

  it('says it in JSON with --json', async () => {
    const io = recordingIo();

    expect(await runCommandLine(['models', '--json', '--plan'], io)).toBe(2);
    expect(JSON.parse(io.err)).toMatchObject({
      error: { code: 'INVALID_ARGUMENT', reason: 'USAGE', message: "unknown option '--plan'" },
    });
  });

  it('shows the help and exits with 2 when there is no command', async () => {
    const io = recordingIo();

    expect(await runCommandLine([], io)).toBe(2);
    expect(io.err).toMatch(/Usage: outrider .*devices/s);
  });

  it('shows help and version on standard output', async () => {
    const help = recordingIo();
    const version = recordingIo();

    expect(await runCommandLine(['run', '--help'], help)).toBe(0);
    expect(await runCommandLine(['--version'], version)).toBe(0);
    expect(help.out).toMatch(/-ngl, --gpu-layers <N> .*--gpulayers/s);
    const { version: expected } = JSON.parse(readFileSync('server/package.json', 'utf8')) as {
      version: string;
    };
    expect(version.out).toBe(`${expected}\n`);
  });

  it('has the commands of the contract', () => {
    expect(COMMANDS.map(command => command.name)).toEqual([
      'serve',
      'run',
      'load',
      'plan',
      'unload',
      'models',
      'devices',
      'top',
    ]);
  });
});

describe('a command', () => {
  it('gets its operands, its settings and whether JSON is wanted', async () => {
    let seen: Invocation | undefined;
    const exit = await runCommandLine(
      ['probe', '--json', 'models/x', '--timeout', '5'],
      recordingIo(),
      [
        probe(async invocation => {
          seen = invocation;
        }),
      ],
    );

    expect(exit).toBe(0);
    expect(seen?.operands).toEqual(['models/x']);
    expect(seen?.settings.text('timeout')).toBe('5');
    expect(seen?.json).toBe(true);
  });

  it('exits with 1 after a bug and names it', async () => {
    const io = recordingIo();

    const exit = await runCommandLine(['probe', 'x'], io, [
      probe(async () => {
        throw new Error('oops');
      }),
    ]);

    expect(exit).toBe(1);
    expect(io.err).toMatch(/^outrider: INTERNAL INTERNAL: oops\n/);
  });

  it('is asked to stop by the first signal and abandoned at the second', async () => {
    const io = recordingIo();

    const exit = await runCommandLine(['probe', 'x'], io, [
      probe(async ({ signal }) => {
        io.signal();
        expect(signal.aborted).toBe(true);
        expect(io.abandoned).toEqual([]);
        io.signal();
        throw interrupted();
      }),
    ]);

    expect(exit).toBe(130);
    expect(io.abandoned).toEqual([130]);
    expect(io.err).toBe('');
  });

  it('no longer listens for signals when it is over', async () => {
    const io = recordingIo();
    let signal: AbortSignal | undefined;
    await runCommandLine(['probe', 'x'], io, [
      probe(async invocation => {
        signal = invocation.signal;
      }),
    ]);

    io.signal();

    expect(signal?.aborted).toBe(false);
  });
});

function probe(run: CommandSpec['run']): CommandSpec {
  return {
    name: 'probe',
    summary: 'for this test',
    operands: ['NAME'],
    flags: [{ name: 'timeout', value: 'MS', help: '' }],
    run,
  };
}
