import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { codeOf } from '../caught-error.js';
import { type ProcessIdentity, identityOf, isAlive, parseIdentity } from './process-identity.js';

/** A lock file that somebody else holds. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  /** Process id of the holder. */
  readonly pid: number;

  constructor(path: string, pid: number) {
    super(`${path} is held by the process ${pid}`);
    this.pid = pid;
  }
}

/**
 * Takes a lock that a process holds until it lets go or is gone, however it went. Knows processes of this machine only.
 * @returns what lets go
 * @throws LockHeldError while another one holds it; errors of the file system
 */
export function takeLock(path: string): () => void {
  const own = identityOf(process.pid);
  if (own === undefined) throw new Error('this process has no identity');
  const content = JSON.stringify(own);
  const claim = `${path}.${own.pid}`;
  // One of a process that was killed here may be the lock itself under another name.
  rmSync(claim, { force: true });
  writeFileSync(claim, content, { mode: 0o600 });
  try {
    acquire(path, claim);
  } finally {
    rmSync(claim, { force: true });
  }
  return () => {
    if (read(path) === content) rmSync(path, { force: true });
  };
}

function acquire(path: string, claim: string): void {
  if (linked(claim, path)) return;
  const seen = read(path);
  refuseWhileAlive(path, seen);
  // Two that find the same dead holder must not both follow it, so that following it is itself done under a lock.
  const succession = `${path}.next`;
  acquire(succession, claim);
  try {
    refuseWhileAlive(path, read(path));
    // A link of the same file would be left alone by a rename onto it.
    writeFileSync(`${claim}.new`, readFileSync(claim), { mode: 0o600 });
    renameSync(`${claim}.new`, path);
  } finally {
    rmSync(succession, { force: true });
  }
}

/** Unlike opening with a flag, this never shows a lock that is still empty. */
function linked(claim: string, path: string): boolean {
  try {
    linkSync(claim, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function refuseWhileAlive(path: string, content: string | undefined): void {
  const holder: ProcessIdentity | undefined =
    content === undefined ? undefined : parseIdentity(content);
  if (holder !== undefined && isAlive(holder)) throw new LockHeldError(path, holder.pid);
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
