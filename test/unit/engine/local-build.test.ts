import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastLocalBuild } from '../../../server/src/engine/llama/local-build.js';

describe('the last local build', () => {
  let root = '';

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'outrider-builds-'));
  });

  afterEach(() => rmSync(root, { recursive: true }));

  function build(name: string, done: boolean): void {
    mkdirSync(join(root, 'localBuilds', name, 'Release'), { recursive: true });
    if (done) writeFileSync(join(root, 'localBuilds', name, 'buildDone.status'), '');
  }

  function name(folderName: unknown): void {
    writeFileSync(join(root, 'lastBuild.json'), JSON.stringify({ folderName }));
  }

  it('is the one that was made last', () => {
    build('linux-x64-first', true);
    build('linux-x64-second', true);
    name('linux-x64-second');

    expect(lastLocalBuild(root)).toBe(join(root, 'localBuilds', 'linux-x64-second', 'Release'));
  });

  it.each<[string, () => void]>([
    ['there is none', () => undefined],
    ['its folder is gone', () => name('linux-x64')],
    [
      'it was not finished',
      () => {
        build('linux-x64', false);
        name('linux-x64');
      },
    ],
    ['its record is not one', () => name(7)],
  ])('is refused with what makes one when %s', (_title, prepare) => {
    prepare();

    expect(() => lastLocalBuild(root)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        violations: [
          {
            field: 'llamaDir',
            description: expect.stringContaining('npx node-llama-cpp source build'),
          },
        ],
      }),
    );
  });
});
