import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { CodedError } from '../../coded-error.js';

/** Version of the installed node-llama-cpp package. */
export function nodeLlamaCppVersion(): string {
  return nodeLlamaCpp().version;
}

/** Folder and version of the installed node-llama-cpp package. */
export function nodeLlamaCpp(): { readonly directory: string; readonly version: string } {
  const require = createRequire(import.meta.url);
  let directory = path.dirname(require.resolve('node-llama-cpp'));
  for (;;) {
    const manifest: unknown = tryRequire(require, path.join(directory, 'package.json'));
    if (isManifest(manifest) && manifest.name === 'node-llama-cpp')
      return { directory, version: manifest.version };
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
