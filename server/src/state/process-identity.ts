import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { codeOf } from '../caught-error.js';

/** A process, told apart from a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it began, as this machine counts; empty where the system does not tell. */
  readonly began: string;
}

/** The process of a number; undefined when there is none, or it has ended and nobody has fetched its exit status yet. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const boot = fileText('/proc/sys/kernel/random/boot_id');
  if (boot === undefined) return answers(pid) ? { pid, began: '' } : undefined;
  const stat = fileText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name before it stands in brackets and may contain anything.
  const [state = '', ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, began: `${boot.trim()} ${fields[START_TIME] ?? ''}` };
}

/** The very process runs. */
export function isAlive({ pid, began }: ProcessIdentity): boolean {
  return identityOf(pid)?.began === began;
}

/** An identity that was written as JSON; undefined when the text is none. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const schema = z.strictObject({ pid: z.int().positive(), began: z.string() });

// Its place among the fields behind the state.
const START_TIME = 18;

function fileText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // There is one, which belongs to somebody else.
    return codeOf(error) === 'EPERM';
  }
}
