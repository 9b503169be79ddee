import { execFileSync } from 'node:child_process';

/** Whether a command is on this machine; asked for its version. */
export function runsHere(tool: string): boolean {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
