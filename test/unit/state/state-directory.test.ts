import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StateDirectory } from '../../../server/src/state/state-directory.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-state-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a state folder', () => {
  it('is made for its owner alone, and so are its files', () => {
    const path = join(folder, 'a', 'b');

    using directory = new StateDirectory(path);
    directory.write('file', 'text');

    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, 'file')).mode & 0o777).toBe(0o600);
  });

  it('replaces files as a whole and keeps nothing else', () => {
    using directory = new StateDirectory(folder);
    expect(directory.read('file')).toBeUndefined();

    directory.write('file', 'a long first text');
    directory.write('file', 'short');

    expect(directory.read('file')).toBe('short');
    expect(readdirSync(folder).sort()).toEqual(['file', 'lock']);
  });

  it('keeps the old file where the new one cannot be written', () => {
    using directory = new StateDirectory(folder);
    directory.write('file', 'old');
    mkdirSync(join(folder, 'file.new'));

    expect(() => directory.write('file', 'new')).toThrow();

    expect(directory.read('file')).toBe('old');
  });

  it('gives a file another name that says when', () => {
    using directory = new StateDirectory(folder);
    directory.write('file', 'broken');

    const aside = directory.setAside('file');

    expect(directory.read('file')).toBeUndefined();
    expect(aside).toMatch(/\/file\.unusable-\d{8}T\d{6}\.\d{3}Z$/);
  });

  it('belongs to one server at a time', () => {
    using first = new StateDirectory(folder);

    expect(() => new StateDirectory(first.path)).toThrow(
      expect.objectContaining({
        reason: 'INVALID_FIELD',
        violations: [
          {
            field: 'stateDir',
            description: expect.stringMatching(
              `in use by the server with process id ${process.pid}; stop that one, or name another`,
            ),
          },
        ],
      }),
    );
  });

  it('is refused where there is a file', () => {
    writeFileSync(join(folder, 'file'), '');

    expect(() => new StateDirectory(join(folder, 'file'))).toThrow(/cannot be written: .*EEXIST/);
  });
});
