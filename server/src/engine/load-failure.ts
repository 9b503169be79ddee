import { CodedError } from '../coded-error.js';
import { type LoadLog } from './llama/log.js';

const allocationFailure =
  /(failed|unable) to allocate|allocation (failed|of size)|out of memory|OutOfDeviceMemory/i;

const withoutTensor = /SPLIT_MODE_TENSOR not implemented for architecture '([^']+)'/;

/** The failure of a load with the reason that llama.cpp gave, which is in its log only. */
export function explainLoad(error: CodedError, log: LoadLog, path: string): CodedError {
  // What our own code found is told as it is.
  if (error.reason === 'CANCELLED' || error.reason === 'INTERNAL') return error;
  // llama.cpp names the file by its absolute path, which is not the caller's business.
  const complaint = log.complaint.replaceAll(path, 'the file');
  if (allocationFailure.test(log.errors))
    return new CodedError(
      'INSUFFICIENT_DEVICE_MEMORY',
      `the model does not fit: ${complaint}; offload fewer layers or shorten the context`,
      { cause: error },
    );
  const architecture = withoutTensor.exec(log.errors)?.[1];
  if (architecture !== undefined) {
    const field = 'placement.split_mode';
    const description = `llama.cpp cannot split the architecture "${architecture}" by TENSOR; use LAYER`;
    return new CodedError('PLACEMENT_CONFLICT', `${field}: ${description}`, {
      violations: [{ field, description }],
      cause: error,
    });
  }
  const told = complaint === '' ? error.message : `${error.message}: ${complaint}`;
  return new CodedError(error.reason, told, { cause: error });
}
