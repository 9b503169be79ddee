import { type ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();

/** Ends a child when this process ends, whatever ends it: a server left behind would disturb what is measured next. */
export function endWithUs(child: ChildProcess): void {
  install();
  children.add(child);
  child.once('exit', () => children.delete(child));
}

function endAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

let installed = false;

function install(): void {
  if (installed) return;
  installed = true;
  process.once('exit', endAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      endAll();
      // Without a listener left, the signal ends this process as it would have.
      process.kill(process.pid, signal);
    });
  }
}
