import { type BackendInfo } from '@outrider/sdk/proto';
import path from 'node:path';
import { type Device } from './devices.js';
import { type LlamaFunctions } from './functions.js';
import { type LibraryFiles } from './library.js';
import { packageDirectory } from './node-llama-cpp.js';
import { RPC } from './rpc.js';
import { noDriver, supportedVariants, variantBackends, variantOf } from './variant.js';

/** Loads every backend that lies beside the libraries; for CUDA also the build for the older run-time library. */
export async function loadBackends(llama: LlamaFunctions, files: LibraryFiles): Promise<void> {
  llama.ggml_backend_load_all_from_path(files.directory);
  const wantsCuda = path.basename(files.llama).includes('.cuda.');
  if (!wantsCuda || llama.ggml_backend_reg_by_name('CUDA') !== null) return;
  const older = await packageDirectory('-cuda-ext').catch(() => undefined);
  if (older !== undefined) llama.ggml_backend_load_all_from_path(path.join(older, 'fallback'));
}

/** Why a backend cannot be used, by its name; for those that this platform has packages of and this process did not load. */
export type Absences = ReadonlyMap<string, string>;

/** Finds out why backends are not loaded. Takes a while the first time, because it looks for drivers. */
export async function findAbsences(llama: LlamaFunctions, files: LibraryFiles): Promise<Absences> {
  const registered = registeredNames(llama);
  const absent = (variantsOf[process.platform] ?? []).filter(
    variant => !registered.includes(variantBackends[variant]),
  );
  const reasons = absent.map(
    async variant => [variantBackends[variant], await absenceOf(variant, files)] as const,
  );
  return new Map(await Promise.all(reasons));
}

/** Backends that are registered or could be here, with the reason where one cannot be used. */
export function readBackends(
  llama: LlamaFunctions,
  devices: readonly Device[],
  absences: Absences,
): BackendInfo[] {
  const loaded = registeredNames(llama).map(name => {
    const usable = devices.some(device => device.info.backend === name);
    return { name, usable, reason: usable ? '' : deviceless(name) };
  });
  const absent = [...absences].map(([name, reason]) => ({ name, usable: false, reason }));
  return [...loaded, ...absent];
}

const variantsOf: Readonly<Record<string, readonly (keyof typeof variantBackends)[]>> = {
  darwin: ['metal'],
  linux: ['cuda', 'vulkan'],
  win32: ['cuda', 'vulkan'],
};

/** Each worker has a registry of its own as well, which is told apart. */
function registeredNames(llama: LlamaFunctions): string[] {
  const names: string[] = [];
  for (let index = 0; index < Number(llama.ggml_backend_reg_count()); index++)
    names.push(llama.ggml_backend_reg_name(llama.ggml_backend_reg_get(index)));
  return [...new Set(names)].filter(name => !name.startsWith(`${RPC}[`));
}

function deviceless(name: string): string {
  if (name !== RPC) return 'loaded, but it found no device';
  return 'this engine has no workers; --rpc names them, for the default engine';
}

async function absenceOf(
  variant: keyof typeof variantBackends,
  files: LibraryFiles,
): Promise<string> {
  const own = variantOf(files);
  if (own === undefined) return 'the libraries in use were built without it';
  const installed = await packageDirectory(`-${variant}`).then(
    () => true,
    () => false,
  );
  if (!installed) return "node-llama-cpp's package for it is not installed";
  if (!(await supportedVariants()).has(variant)) return noDriver;
  if (own === variant) return 'it could not be loaded';
  return `this engine runs the ${own} libraries, and a process can open one variant only; name another engine for models on it`;
}
