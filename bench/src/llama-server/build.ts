import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDirectory } from '../places.js';

/** A llama-server that was built here. */
export interface LlamaServerBuild {
  readonly binary: string;
  /** Folder of its libllama and libggml. */
  readonly libraryDir: string;
  /** Of llama.cpp, in full. */
  readonly commit: string;
}

/** Nothing is fetched: no web page, no TLS library, no tests. */
const CMAKE_OPTIONS = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DGGML_NATIVE=ON',
  '-DLLAMA_BUILD_TESTS=OFF',
  '-DLLAMA_BUILD_EXAMPLES=OFF',
  '-DLLAMA_BUILD_APP=OFF',
  '-DLLAMA_BUILD_UI=OFF',
  '-DLLAMA_USE_PREBUILT_UI=OFF',
  '-DLLAMA_OPENSSL=OFF',
];

/**
 * Builds llama-server from the source that node-llama-cpp ships, once per commit: more than ten minutes on two cores.
 * Needs git, cmake and a C++ compiler; works offline.
 * @param report told what begins, for people
 * @throws Error naming the log when a command fails
 */
export async function ensureLlamaServer(report: (line: string) => void): Promise<LlamaServerBuild> {
  const bundle = fileURLToPath(
    new URL('../llama/gitRelease.bundle', import.meta.resolve('node-llama-cpp')),
  );
  const commit = commitOf(bundle);
  const directory = join(cacheDirectory(), 'llama.cpp', commit.slice(0, 12));
  const libraryDir = join(directory, 'build', 'bin');
  const binary = join(libraryDir, 'llama-server');
  const done = join(directory, 'done');
  if (existsSync(done)) return { binary, libraryDir, commit };

  const source = join(directory, 'source');
  const build = join(directory, 'build');
  const log = join(directory, 'build.log');
  mkdirSync(directory, { recursive: true });
  report(`building llama-server of ${commit.slice(0, 12)} once, log in ${log}`);
  if (!existsSync(source)) {
    const partial = `${source}.part`;
    rmSync(partial, { recursive: true, force: true });
    await execute(log, 'git', ['clone', '--quiet', bundle, partial]);
    renameSync(partial, source);
  }
  await execute(log, 'cmake', ['-S', source, '-B', build, ...CMAKE_OPTIONS]);
  await execute(log, 'cmake', [
    '--build',
    build,
    '--target',
    'llama-server',
    '--parallel',
    `${availableParallelism()}`,
  ]);
  closeSync(openSync(done, 'w'));
  return { binary, libraryDir, commit };
}

function commitOf(bundle: string): string {
  const heads = execFileSync('git', ['bundle', 'list-heads', bundle], { encoding: 'utf8' });
  const [, commit] = /^([0-9a-f]{40}) /m.exec(heads) ?? [];
  if (commit === undefined) throw new Error(`${bundle} names no commit`);
  return commit;
}

async function execute(log: string, command: string, options: readonly string[]): Promise<void> {
  const descriptor = openSync(log, 'a');
  try {
    const child = spawn(command, options, { stdio: ['ignore', descriptor, descriptor] });
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
    if (code !== 0) throw new Error(`${command} ended with ${code ?? 'a signal'}; see ${log}`);
  } finally {
    closeSync(descriptor);
  }
}
