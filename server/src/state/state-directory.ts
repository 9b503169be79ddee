import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../caught-error.js';
import { invalidField } from '../coded-error.js';
import { LockHeldError, takeLock } from './directory-lock.js';

/** A folder that one server at a time keeps files in. */
export class StateDirectory implements Disposable {
  readonly path: string;
  readonly #unlock: () => void;

  /**
   * Makes the folder, for its owner alone, unless it is there, and locks it.
   * @throws CodedError INVALID_FIELD of `stateDir` when another server has it or it cannot be written
   */
  constructor(path: string) {
    this.path = path;
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      this.#unlock = takeLock(join(path, 'lock'));
    } catch (error) {
      if (error instanceof LockHeldError) {
        throw invalidField(
          'stateDir',
          `"${path}" is in use by the server with process id ${error.pid}; stop that one, or name another folder`,
        );
      }
      const why = messageOf(error);
      throw invalidField('stateDir', `"${path}" cannot be written: ${why}`);
    }
  }

  /** Text of a file; undefined when there is none. @throws Error of the file system */
  read(name: string): string | undefined {
    try {
      return readFileSync(join(this.path, name), 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /**
   * Replaces a file so that a crash leaves the old or the new one, whole. Blocks until the disk has it: what a client is
   * told has happened must outlive the process.
   * @throws Error of the file system; the old file is there then
   */
  write(name: string, text: string): void {
    const temporary = join(this.path, `${name}.new`);
    try {
      const file = openSync(temporary, 'w', 0o600);
      try {
        writeFileSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, join(this.path, name));
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
    this.#sync();
  }

  /** Gives a file that cannot be used another name. @returns the new path @throws Error of the file system */
  setAside(name: string): string {
    const time = new Date().toISOString().replace(/[-:]/g, '');
    const aside = join(this.path, `${name}.unusable-${time}`);
    renameSync(join(this.path, name), aside);
    return aside;
  }

  [Symbol.dispose](): void {
    this.#unlock();
  }

  /** Without this the new name may be lost with the power. */
  #sync(): void {
    // Windows opens no folders.
    if (process.platform === 'win32') return;
    const folder = openSync(this.path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}
