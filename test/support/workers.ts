import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { workerFault } from '../../server/dist/engine/worker-greeting.js';

/** Folder of a llama.cpp build with GGML_RPC=ON, `ggml-rpc-server` among its libraries; CONTRIBUTING.md tells how. */
export const rpcBuild = process.env['OUTRIDER_TEST_RPC_DIR'] ?? '';

/** Why there are no workers to test with; undefined if there are. */
export const noWorkers =
  rpcBuild === ''
    ? 'OUTRIDER_TEST_RPC_DIR names no llama.cpp build with RPC'
    : existsSync(join(rpcBuild, 'ggml-rpc-server'))
      ? undefined
      : `no ggml-rpc-server in ${rpcBuild}`;

const START_TIMEOUT_MS = 20_000;

/** An RPC worker in a process of its own, on the loopback, with the CPU as its device. Disposing ends it. */
export interface Worker extends AsyncDisposable {
  readonly endpoint: string;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/**
 * Starts a worker and waits until it answers.
 * @param endpoint where a worker was before. @default a free port
 */
export async function startWorker(endpoint?: string): Promise<Worker> {
  const at = endpoint ?? `127.0.0.1:${await freePort()}`;
  const [host = '', port = ''] = at.split(':');
  const args = ['--host', host, '--port', port, '--threads', '1'];
  const child = spawn(join(rpcBuild, 'ggml-rpc-server'), args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await untilAnswering(child, at);
  } catch (error) {
    await kill();
    throw error;
  }
  return { endpoint: at, kill, [Symbol.asyncDispose]: kill };
}

/** It does not say when it listens: its output is held back in a buffer. */
async function untilAnswering(child: ChildProcess, endpoint: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const fault = await workerFault(endpoint);
    if (fault === undefined) return;
    if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error(`the worker at ${endpoint}: ${fault}`);
    await delay(20);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
