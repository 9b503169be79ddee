import { readdirSync } from 'node:fs';
import path from 'node:path';
import { CodedError } from '../../coded-error.js';
import { type LibraryVariant } from '../protocol.js';
import { lastLocalBuild } from './local-build.js';
import { packageDirectory } from './node-llama-cpp.js';
import { requireVariant } from './variant.js';

/** Absolute paths of the three libraries that the engine opens, and of the folder that holds them and the backends. */
export interface LibraryFiles {
  readonly directory: string;
  readonly base: string;
  readonly ggml: string;
  readonly llama: string;
}

/** The libraries to open, and whether node-llama-cpp has loaded their backends already. */
export interface ResolvedLibrary {
  readonly files: LibraryFiles;
  readonly backendsLoaded: boolean;
}

// Only llama and ggml carry a variant suffix (`libllama.vulkan.v0.5.0.so`); libllama-common must not match.
const patterns = {
  base: /^(lib)?ggml-base\.(so|dylib|dll)$/,
  ggml: /^(lib)?ggml(\.[^-]+)*\.(so|dylib|dll)$/,
  llama: /^(lib)?llama(\.[^-]+)*\.(so|dylib|dll)$/,
};

/**
 * Finds the three libraries in a folder.
 * @throws CodedError ENGINE_ERROR naming the folder and what is missing there
 */
export function findLibraryFiles(directory: string): LibraryFiles {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    throw new CodedError('ENGINE_ERROR', `llama.cpp folder ${directory} cannot be read`, {
      cause: error,
    });
  }
  const find = (which: keyof typeof patterns): string => {
    const name = names.find(candidate => patterns[which].test(candidate));
    if (name === undefined)
      throw new CodedError('ENGINE_ERROR', `no ${which} library of llama.cpp in ${directory}`);
    return path.join(directory, name);
  };
  return { directory, base: find('base'), ggml: find('ggml'), llama: find('llama') };
}

/** Which llama.cpp an engine is to open. */
export interface LibraryWish {
  /** Folder with libllama, or `last`: node-llama-cpp's last local build. @default what node-llama-cpp chooses */
  readonly directory?: string | undefined;
  /** Variant of node-llama-cpp's packages; only without a folder. @default the best one for this machine */
  readonly variant?: LibraryVariant | undefined;
}

/**
 * Decides which llama.cpp to open: the given folder as it is, else what node-llama-cpp chooses for this machine, which
 * also tests the binary and loads its backends.
 * @throws CodedError INVALID_FIELD where there is no last build, BACKEND_UNAVAILABLE where a variant cannot be used,
 *   ENGINE_ERROR where the folder does not hold the libraries
 */
export async function resolveLibrary(wish: LibraryWish): Promise<ResolvedLibrary> {
  const { directory, variant } = wish;
  if (directory !== undefined) {
    const folder = directory === 'last' ? lastLocalBuild() : path.resolve(directory);
    return { files: findLibraryFiles(folder), backendsLoaded: false };
  }
  if (variant !== undefined) await requireVariant(variant);
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  const llama = await getLlama({
    ...(variant === undefined ? {} : { gpu: variant === 'cpu' ? false : variant }),
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
    logger: () => undefined,
  });
  const loaded =
    loadedAddonDirectory() ?? (await packageDirectory(llama.gpu === false ? '' : `-${llama.gpu}`));
  return { files: findLibraryFiles(loaded), backendsLoaded: true };
}

// node-llama-cpp does not tell which of its builds it opened; the process report lists every mapped library.
function loadedAddonDirectory(): string | undefined {
  const { report } = process;
  // Without this the report resolves the host names of open connections.
  (report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { sharedObjects } = report.getReport() as { sharedObjects?: readonly string[] };
  const addon = sharedObjects?.find(file => path.basename(file) === 'llama-addon.node');
  return addon === undefined ? undefined : path.dirname(addon);
}
