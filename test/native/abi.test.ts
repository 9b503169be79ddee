import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { structOffsets } from '../../server/src/engine/llama/abi.js';
import { structs } from '../../server/src/engine/llama/structs.js';
import { runsHere } from '../support/runs-here.js';

const support = fileURLToPath(new URL('../support', import.meta.url));
const missing = ['cc', 'git'].find(tool => !runsHere(tool));
const title = 'the structs of the binding';

(missing === undefined ? describe : describe.skip)(
  missing === undefined ? title : `${title} (skipped: no ${missing} on this machine)`,
  () => {
    it('have the layout of the header that node-llama-cpp ships', () => {
      const directory = mkdtempSync(path.join(os.tmpdir(), 'outrider-abi-'));
      try {
        const expected = readHeaderLayout(directory);

        for (const name of Object.keys(structs)) {
          const offsets = structOffsets(name);
          for (const [field, offset] of Object.entries(offsets))
            expect([name, field, offset]).toEqual([name, field, expected.get(`${name} ${field}`)]);
        }
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    }, 120_000);
  },
);

function readHeaderLayout(directory: string): Map<string, number> {
  const source = path.join(directory, 'llama.cpp');
  const entry = createRequire(import.meta.url).resolve('node-llama-cpp');
  const bundle = path.join(path.dirname(entry), '..', 'llama', 'gitRelease.bundle');
  execFileSync('git', ['clone', '--quiet', '--depth', '1', bundle, source], { stdio: 'pipe' });
  const fields = Object.keys(structs).flatMap(name => {
    const members = Object.keys(structOffsets(name)).filter(field => field !== 'sizeof');
    return [`SIZE(${name});`, ...members.map(field => `FIELD(${name}, ${field});`)];
  });
  writeFileSync(path.join(directory, 'struct-fields.h'), fields.join('\n'));
  const program = path.join(directory, 'layout');
  const includes = ['include', 'ggml/include'].map(folder => `-I${path.join(source, folder)}`);
  execFileSync('cc', [
    ...includes,
    `-I${directory}`,
    '-o',
    program,
    path.join(support, 'struct-layout.c'),
  ]);
  const lines = execFileSync(program, { encoding: 'utf8' }).trim().split('\n');
  return new Map(
    lines.map(line => {
      const [name = '', field = '', offset = ''] = line.split(' ');
      return [`${name} ${field}`, Number(offset)];
    }),
  );
}
