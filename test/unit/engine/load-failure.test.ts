import { describe, expect, it } from '@jest/globals';
import { CodedError } from '../../../server/src/coded-error.js';
import { LoadLog } from '../../../server/src/engine/llama/log.js';
import { explainLoad } from '../../../server/src/engine/load-failure.js';

function explained(...errors: string[]): CodedError {
  const log = new LoadLog();
  for (const line of errors) log.line('error', line);
  const failure = new CodedError('BAD_MODEL_FILE', 'llama.cpp could not load the model');
  return explainLoad(failure, log, '/models/big.gguf');
}

describe('the failure of a load', () => {
  it('is one of the split mode where llama.cpp cannot split the architecture so', () => {
    expect(
      explained(
        "llama_model_load: error loading model: LLAMA_SPLIT_MODE_TENSOR not implemented for architecture 'mamba'",
        'llama_model_load_from_file_impl: failed to load model',
      ),
    ).toMatchObject({
      reason: 'PLACEMENT_CONFLICT',
      violations: [
        { field: 'placement.split_mode', description: expect.stringContaining('"mamba"') },
      ],
    });
  });

  it('is a lack of memory where the log says so', () => {
    expect(explained('ggml_backend_cuda: failed to allocate 8 MiB').reason).toBe(
      'INSUFFICIENT_DEVICE_MEMORY',
    );
  });

  it('does not tell where the file lies', () => {
    const { message, reason } = explained('/models/big.gguf: tensor data is cut off');

    expect(reason).toBe('BAD_MODEL_FILE');
    expect(message).toBe('llama.cpp could not load the model: the file: tensor data is cut off');
  });
});
