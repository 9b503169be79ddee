import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { invalidField } from '../../coded-error.js';
import { nodeLlamaCpp } from './node-llama-cpp.js';

/**
 * Folder of the libraries that `npx node-llama-cpp source build` made last.
 * @param root where node-llama-cpp keeps its builds. @default its own `llama` folder
 * @throws CodedError INVALID_FIELD when there is none, or it was not finished
 */
export function lastLocalBuild(
  root: string = path.join(nodeLlamaCpp().directory, 'llama'),
): string {
  const name = lastName(path.join(root, 'lastBuild.json'));
  if (name === undefined) throw missing('node-llama-cpp has no local build');
  const build = path.join(root, 'localBuilds', name);
  if (!existsSync(path.join(build, 'buildDone.status')))
    throw missing(`the local build ${name} of node-llama-cpp is not there, or was not finished`);
  return path.join(build, 'Release');
}

function lastName(file: string): string | undefined {
  let told: unknown;
  try {
    told = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
  if (typeof told !== 'object' || told === null || !('folderName' in told)) return undefined;
  return typeof told.folderName === 'string' ? told.folderName : undefined;
}

function missing(what: string) {
  return invalidField(
    'llamaDir',
    `"last" cannot be opened: ${what}; "npx node-llama-cpp source build" makes one`,
  );
}
