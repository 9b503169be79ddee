import { CodedError } from '../coded-error.js';
import { type LoadLog } from './llama/log.js';

const allocationFailure = /alloc|out of memory|ErrorOutOfDeviceMemory/i;

/** The failure of a load with the reason that llama.cpp gave, which is in its log only. */
export function explainLoad(error: CodedError, { complaint }: LoadLog, path: string): CodedError {
  if (error.reason === 'CANCELLED') return error;
  if (allocationFailure.test(complaint))
    return new CodedError(
      'INSUFFICIENT_DEVICE_MEMORY',
      `the model does not fit: ${complaint}; offload fewer layers or shorten the context`,
      { cause: error },
    );
  const told = complaint === '' ? error.message : `${error.message}: ${complaint}`;
  // llama.cpp names the file by its absolute path, which is not the caller's business.
  return new CodedError(error.reason, told.replaceAll(path, 'the file'), { cause: error });
}
