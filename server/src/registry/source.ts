import { open, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ModelSource } from '@outrider/sdk/proto';
import { CodedError, invalidField, notSupported } from '../coded-error.js';

/** Where model files may lie. */
export interface SourceRules {
  /** Folders of requests' paths; relative paths are looked up in them in order. */
  readonly roots: readonly string[];
  /** The server's own configuration may name files anywhere. */
  readonly trusted: boolean;
}

/**
 * Absolute path of the GGUF file that a source names.
 * @throws CodedError PATH_OUTSIDE_ROOT, MODEL_FILE_NOT_FOUND, BAD_MODEL_FILE, NOT_SUPPORTED
 */
export async function resolveSource(source: ModelSource, rules: SourceRules): Promise<string> {
  const from = source.source;
  if (from === undefined) throw invalidField('source', 'source is missing; give a path or a uri');
  if (from.$case === 'uri') {
    const path = embeddedPath(from.value);
    if (path === undefined) {
      throw notSupported(
        'source.uri',
        'give a path, "embedded:target" or "embedded:draft" instead',
      );
    }
    await checkIsModel(path, from.value);
    return path;
  }
  const path = await locate(from.value, rules);
  await checkIsModel(path, from.value);
  return path;
}

/** File behind an `embedded:` uri; undefined for any other uri. */
export function embeddedPath(uri: string): string | undefined {
  if (uri === 'embedded:target') return join(MODELS, 'tales-target-f32.gguf');
  if (uri === 'embedded:draft') return join(MODELS, 'tales-draft-f32.gguf');
  return undefined;
}

const MODELS = join(dirname(fileURLToPath(import.meta.url)), '../../../models');

async function locate(requested: string, { roots, trusted }: SourceRules): Promise<string> {
  if (requested.includes('\0')) throw notFound(requested);
  let outside = false;
  for (const candidate of candidates(requested, roots)) {
    const real = await realpathOf(candidate);
    if (real === undefined) {
      // What lies outside is not told apart from what does not exist.
      if (!trusted && !(await confined(resolve(candidate), roots))) outside = true;
      continue;
    }
    if (trusted || (await confined(real, roots))) return real;
    outside = true;
  }
  throw outside ? outsideRoot(requested) : notFound(requested);
}

function candidates(requested: string, roots: readonly string[]): string[] {
  return isAbsolute(requested) ? [requested] : roots.map(root => resolve(root, requested));
}

async function realpathOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch {
    return undefined;
  }
}

async function confined(path: string, roots: readonly string[]): Promise<boolean> {
  for (const root of roots) {
    const from = (await realpathOf(resolve(root))) ?? resolve(root);
    if (isInside(path, from) || isInside(path, resolve(root))) return true;
  }
  return false;
}

function isInside(path: string, root: string): boolean {
  const way = relative(root, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

async function checkIsModel(path: string, requested: string): Promise<void> {
  const facts = await statOf(path);
  if (facts === undefined) throw notFound(requested);
  if (facts.isDirectory()) throw badFile(requested, 'is a folder, not a GGUF file');
  if (!facts.isFile()) throw badFile(requested, 'is not a regular file');
  const file = await openOf(path, requested);
  try {
    const magic = Buffer.alloc(4);
    const { bytesRead } = await file.read(magic, 0, 4, 0);
    if (bytesRead < 4 || magic.toString('latin1') !== 'GGUF') {
      throw badFile(requested, 'is not a GGUF file: it does not begin with "GGUF"');
    }
  } finally {
    await file.close();
  }
}

async function statOf(path: string) {
  try {
    return await stat(path);
  } catch {
    return undefined;
  }
}

async function openOf(path: string, requested: string) {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw badFile(requested, 'cannot be read by the server', cause);
  }
}

function notFound(requested: string): CodedError {
  return new CodedError('MODEL_FILE_NOT_FOUND', `there is no model file "${requested}"`, {
    metadata: { path: requested },
  });
}

function outsideRoot(requested: string): CodedError {
  return new CodedError(
    'PATH_OUTSIDE_ROOT',
    `"${requested}" does not lie inside a folder that this server loads models from`,
    { metadata: { path: requested } },
  );
}

function badFile(requested: string, what: string, cause?: unknown): CodedError {
  return new CodedError('BAD_MODEL_FILE', `"${requested}" ${what}`, {
    metadata: { path: requested },
    violations: [{ field: 'source', description: what }],
    cause,
  });
}
