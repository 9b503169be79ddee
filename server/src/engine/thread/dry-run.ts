import { CodedError } from '../../coded-error.js';
import { contextParams, outputBudget } from '../llama/context.js';
import { bindFunctions } from '../llama/functions.js';
import { loadModel } from '../llama/model.js';
import { type DryRunFacts, type DryRunStart, type FromDryRun } from './dry-run-messages.js';
import { isRefusal } from './job.js';

/**
 * Opens model and context without memory behind them, tells what that showed, and frees both.
 * @returns whether the thread is as it was before
 */
export function runDry(start: DryRunStart, post: (message: FromDryRun) => void): boolean {
  try {
    post({ type: 'done', facts: open(start) });
    return true;
  } catch (error) {
    post({ type: 'failed', error: CodedError.from(error).toData() });
    return isRefusal(error);
  }
}

function open({ files, path, placement, pins, options }: DryRunStart): DryRunFacts {
  const llama = bindFunctions(files);
  const model = loadModel(llama, {
    path,
    placement,
    pins,
    noAlloc: true,
    // llama.cpp aborts where it is to map what it must not allocate.
    mmap: false,
    mlock: false,
    onProgress: () => true,
  });
  if (model === null) throw new CodedError('BAD_MODEL_FILE', 'llama.cpp could not load the model');
  try {
    const spec = {
      options,
      offloaded: placement.devices.length > 0,
      kvOffload: placement.kvOffload,
    };
    const context = llama.llama_init_from_model(
      model,
      contextParams(llama, spec, outputBudget(options)),
    );
    if (context === null)
      throw new CodedError('ENGINE_ERROR', 'llama.cpp could not make a context for the model');
    llama.llama_free(context);
    return {
      parameterCount: Number(llama.llama_model_n_params(model)),
      layers: llama.llama_model_n_layer(model),
      vocabularySize: llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model)),
      trainedContextLength: llama.llama_model_n_ctx_train(model),
      hasChatTemplate: (llama.llama_model_chat_template(model, null) ?? '') !== '',
      // Nothing can be decoded here; the load itself tries it out.
      canSpeculate: !llama.llama_model_is_recurrent(model) && !llama.llama_model_is_hybrid(model),
    };
  } finally {
    llama.llama_model_free(model);
  }
}
