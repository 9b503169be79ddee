import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CodedError } from '../../coded-error.js';

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

/**
 * Decides which llama.cpp to open: the given folder as it is, else what node-llama-cpp chooses for this machine.
 * @param directory folder with libllama; unset: ask node-llama-cpp, which also tests the binary and loads its backends
 */
export async function resolveLibrary(directory: string | undefined): Promise<ResolvedLibrary> {
  if (directory !== undefined)
    return { files: findLibraryFiles(path.resolve(directory)), backendsLoaded: false };
  const { getLlama, LlamaLogLevel } = await import('node-llama-cpp');
  const llama = await getLlama({
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

/** Version of the installed node-llama-cpp package. */
export function nodeLlamaCppVersion(): string {
  const require = createRequire(import.meta.url);
  let directory = path.dirname(require.resolve('node-llama-cpp'));
  for (;;) {
    const manifest: unknown = tryRequire(require, path.join(directory, 'package.json'));
    if (isManifest(manifest) && manifest.name === 'node-llama-cpp') return manifest.version;
    const parent = path.dirname(directory);
    if (parent === directory)
      throw new CodedError('ENGINE_ERROR', 'node-llama-cpp has no package.json above its entry');
    directory = parent;
  }
}

function tryRequire(require: NodeJS.Require, file: string): unknown {
  try {
    return require(file);
  } catch {
    return undefined;
  }
}

function isManifest(value: unknown): value is { name: string; version: string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'version' in value &&
    typeof value.version === 'string'
  );
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

/**
 * Folder of one of node-llama-cpp's platform packages.
 * @param variant what follows platform and architecture in its name, for example `-cuda`
 * @throws when the package is not installed
 */
export async function packageDirectory(variant: string): Promise<string> {
  const folder = `${platformName()}-${process.arch}${variant}`;
  // Strict installers do not hoist the platform packages, so they are resolved from where node-llama-cpp is.
  const require = createRequire(createRequire(import.meta.url).resolve('node-llama-cpp'));
  const entry = pathToFileURL(require.resolve(`@node-llama-cpp/${folder}`)).href;
  const { getBinsDir } = (await import(entry)) as { getBinsDir: () => { binsDir: string } };
  return path.join(getBinsDir().binsDir, folder);
}

function platformName(): string {
  if (process.platform === 'darwin') return 'mac';
  return process.platform === 'win32' ? 'win' : 'linux';
}
