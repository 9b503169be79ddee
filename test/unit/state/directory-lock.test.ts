import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { takeLock } from '../../../server/src/state/directory-lock.js';
import { identityOf, isAlive } from '../../../server/src/state/process-identity.js';

const BUILT = fileURLToPath(
  new URL('../../../server/dist/state/directory-lock.js', import.meta.url),
);
const DEAD = JSON.stringify({ pid: process.pid, began: 'before the last start of this machine' });

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'outrider-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a lock', () => {
  it('is held by one at a time, and leaves nothing behind', () => {
    const letGo = takeLock(path);

    expect(() => takeLock(path)).toThrow(`held by the process ${process.pid}`);
    expect(readdirSync(folder)).toEqual(['lock']);
    letGo();
    expect(readdirSync(folder)).toEqual([]);
    takeLock(path)();
  });

  it.each([
    ['a process that is gone, whose number another one has', DEAD],
    ['nobody that can be understood', 'x'],
    ['nobody', ''],
  ])('is taken over from %s', (_who, content) => {
    writeFileSync(path, content);

    const letGo = takeLock(path);

    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(identityOf(process.pid));
    expect(readdirSync(folder)).toEqual(['lock']);
    letGo();
    expect(existsSync(path)).toBe(false);
  });

  it('is taken over from a process that was killed while it took it over itself', () => {
    writeFileSync(path, DEAD);
    writeFileSync(`${path}.next`, DEAD);
    linkSync(`${path}.next`, `${path}.${process.pid}`);

    takeLock(path);

    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(identityOf(process.pid));
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it('is not given away by one that no longer holds it', () => {
    const letGo = takeLock(path);
    writeFileSync(path, DEAD);

    letGo();

    expect(readFileSync(path, 'utf8')).toBe(DEAD);
  });

  it('of a dead process goes to one of many that want it at once', async () => {
    writeFileSync(path, DEAD);
    const code = `
      const { takeLock } = await import(process.argv[1]);
      try { takeLock(process.argv[2]); console.log('mine'); }
      catch (error) { console.log(error.name); }
      process.stdin.resume();`;
    const rivals = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', code, BUILT, path], {
        stdio: ['pipe', 'pipe', 'inherit'],
      }),
    );

    const said = await Promise.all(
      rivals.map(async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim()),
    );
    for (const { stdin } of rivals) stdin.end();
    await Promise.all(rivals.map(rival => once(rival, 'close')));

    expect(said.sort()).toEqual(['LockHeldError', 'LockHeldError', 'LockHeldError', 'mine']);
  }, 30_000);
});

describe('a process', () => {
  it('is alive until it has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()']);
    const identity = identityOf(child.pid ?? 0);
    if (identity === undefined) throw new Error('the child is unknown');

    expect(isAlive(identity)).toBe(true);
    expect(isAlive({ ...identity, began: 'at another time' })).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(isAlive(identity)).toBe(false);
  });
});
