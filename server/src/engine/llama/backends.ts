import path from 'node:path';
import { type LlamaFunctions } from './functions.js';
import { type LibraryFiles, packageDirectory } from './library.js';

/** Loads every backend that lies beside the libraries; for CUDA also the build for the older run-time library. */
export async function loadBackends(llama: LlamaFunctions, files: LibraryFiles): Promise<void> {
  llama.ggml_backend_load_all_from_path(files.directory);
  const wantsCuda = path.basename(files.llama).includes('.cuda.');
  if (!wantsCuda || llama.ggml_backend_reg_by_name('CUDA') !== null) return;
  const older = await packageDirectory('-cuda-ext').catch(() => undefined);
  if (older !== undefined) llama.ggml_backend_load_all_from_path(path.join(older, 'fallback'));
}
