import path from 'node:path';
import { CodedError } from '../../coded-error.js';
import { type LibraryVariant } from '../protocol.js';
import { type LibraryFiles } from './library.js';

/** Backend that each variant brings beside the CPU's, as llama.cpp calls it. */
export const variantBackends = { cuda: 'CUDA', metal: 'Metal', vulkan: 'Vulkan' } as const;

/** Variant of opened libraries; undefined for a build of somebody's own. */
export function variantOf({ directory, llama }: LibraryFiles): LibraryVariant | undefined {
  if (!directory.split(path.sep).includes('@node-llama-cpp')) return undefined;
  const name = /\.(cuda|metal|vulkan)\./.exec(path.basename(llama))?.[1];
  return name === 'cuda' || name === 'metal' || name === 'vulkan' ? name : 'cpu';
}

let supported: Promise<ReadonlySet<LibraryVariant>> | undefined;

/** Variants whose drivers and run-time libraries node-llama-cpp finds on this machine. */
export function supportedVariants(): Promise<ReadonlySet<LibraryVariant>> {
  supported ??= detect();
  return supported;
}

/** @throws CodedError BACKEND_UNAVAILABLE for a variant that this machine has no driver or no package for */
export async function requireVariant(variant: LibraryVariant): Promise<void> {
  if ((await supportedVariants()).has(variant)) return;
  const cause = noDriver;
  throw new CodedError('BACKEND_UNAVAILABLE', `the ${variant} libraries cannot be used: ${cause}`, {
    metadata: { backend: variant, cause },
  });
}

/** Why a variant is not supported. */
export const noDriver = 'its driver or its run-time libraries are not on this machine';

async function detect(): Promise<ReadonlySet<LibraryVariant>> {
  const { getLlamaGpuTypes } = await import('node-llama-cpp');
  return new Set(
    (await getLlamaGpuTypes('supported')).map(type => (type === false ? 'cpu' : type)),
  );
}
