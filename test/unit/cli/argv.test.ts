import { describe, expect, it } from '@jest/globals';
import { rewriteArgv } from '../../../server/src/cli/argv.js';
import { COMMANDS } from '../../../server/src/cli/commands.js';

const FLAGS = COMMANDS.flatMap(command => command.flags);

const rewritten = (...argv: string[]) => rewriteArgv(argv, FLAGS);

describe('the spelling of flags', () => {
  it.each([
    ['-m', '--model'],
    ['-md', '--model-draft'],
    ['--draft-model', '--model-draft'],
    ['--draftmodel', '--model-draft'],
    ['-a', '--alias'],
    ['-ad', '--alias-draft'],
    ['-dev', '--device'],
    ['-devd', '--device-draft'],
    ['-ngl', '--gpu-layers'],
    ['--n-gpu-layers', '--gpu-layers'],
    ['--gpulayers', '--gpu-layers'],
    ['-ngld', '--gpu-layers-draft'],
    ['--n-gpu-layers-draft', '--gpu-layers-draft'],
    ['--draftgpulayers', '--gpu-layers-draft'],
    ['-ts', '--tensor-split'],
    ['--tensor_split', '--tensor-split'],
    ['-tsd', '--tensor-split-draft'],
    ['--draftgpusplit', '--tensor-split-draft'],
    ['-sm', '--split-mode'],
    ['-smd', '--split-mode-draft'],
    ['-mg', '--main-gpu'],
    ['-mgd', '--main-gpu-draft'],
    ['-c', '--ctx-size'],
    ['--contextsize', '--ctx-size'],
    ['-cd', '--ctx-size-draft'],
    ['-ctk', '--cache-type-k'],
    ['-ctkd', '--cache-type-k-draft'],
    ['-ctv', '--cache-type-v'],
    ['-ctvd', '--cache-type-v-draft'],
    ['-fa', '--flash-attn'],
    ['-fad', '--flash-attn-draft'],
    ['-t', '--threads'],
    ['-td', '--threads-draft'],
    ['-tb', '--threads-batch'],
    ['-tbd', '--threads-batch-draft'],
    ['-np', '--parallel'],
    ['-b', '--batch-size'],
    ['-ub', '--ubatch-size'],
    ['--draft', '--draft-max'],
    ['--spec-draft-n-max', '--draft-max'],
    ['--draftamount', '--draft-max'],
    ['--spec-draft-n-min', '--draft-min'],
    ['--spec-draft-p-min', '--draft-p-min'],
    ['-s', '--seed'],
    ['-p', '--prompt'],
    ['-f', '--file'],
    ['-n', '--max-tokens'],
    ['--predict', '--max-tokens'],
  ])('%s is %s', (spelling, long) => {
    expect(rewritten('run', spelling, '7')).toEqual(['run', long, '7']);
    expect(rewritten('run', `${spelling}=7`)).toEqual(['run', `${long}=7`]);
  });

  it.each([
    ['-nkvo', '--no-kv-offload'],
    ['-nkvod', '--no-kv-offload-draft'],
  ])('%s is the switch %s and takes no value', (spelling, long) => {
    expect(rewritten('run', spelling, '-t', '1')).toEqual(['run', long, '--threads', '1']);
  });

  it('gives no spelling to two flags', () => {
    const unique = new Map(FLAGS.map(flag => [flag.name, flag]));
    const spellings = [...unique.values()].flatMap(flag => [
      `--${flag.name}`,
      ...(flag.aliases ?? []),
    ]);

    expect(spellings.filter((text, at) => spellings.indexOf(text) !== at)).toEqual([]);
  });

  it('has one shape for a flag that several commands take', () => {
    const shapes = FLAGS.map(flag => `${flag.name} ${flag.value ?? 'switch'}`);
    const names = [...new Set(shapes)].map(shape => shape.split(' ')[0]);

    expect(names.length).toBe(new Set(names).size);
  });
});

describe('a value', () => {
  it('stays as it is even when it looks like a flag', () => {
    expect(rewritten('run', '-p', '-m', '-n', '-1')).toEqual([
      'run',
      '--prompt',
      '-m',
      '--max-tokens',
      '-1',
    ]);
  });

  it('keeps what follows its first equals sign', () => {
    expect(rewritten('-p=a=b')).toEqual(['--prompt=a=b']);
  });

  it('of KoboldCPP may be several numbers in a row', () => {
    expect(rewritten('--tensor_split', '3', '1.5', '-t', '2')).toEqual([
      '--tensor-split',
      '3,1.5',
      '--threads',
      '2',
    ]);
    expect(rewritten('--draftgpusplit', '1', '0')).toEqual(['--tensor-split-draft', '1,0']);
  });

  it('of llama.cpp is one word', () => {
    expect(rewritten('-ts', '3', '1')).toEqual(['--tensor-split', '3', '1']);
  });
});

describe('words behind a double dash', () => {
  it('are not looked at', () => {
    expect(rewritten('unload', '--', '-m')).toEqual(['unload', '--', '-m']);
  });
});

describe('unknown flags', () => {
  it('are left to the parser', () => {
    expect(rewritten('run', '-zzz', '--plan')).toEqual(['run', '-zzz', '--plan']);
  });
});
