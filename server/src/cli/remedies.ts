import { type Reason } from '../coded-error.js';

/** What to do about a failure, by its reason. */
export function remedyFor(reason: string): string {
  const remedies: Readonly<Record<string, string>> = REMEDIES;
  return remedies[reason] ?? 'see the log of the server';
}

const REMEDIES = {
  INVALID_FIELD: 'correct the fields named above',
  EMPTY_PROMPT: 'give a text with --prompt or --file',
  CONTEXT_EXCEEDED: 'shorten the prompt, or load the model with a larger --ctx-size',
  BAD_MODEL_FILE: 'give a complete GGUF file of a model that llama.cpp knows',
  UNKNOWN_DEVICE: 'take a name that `outrider devices` lists',
  PLACEMENT_CONFLICT: 'leave out one of the placement flags that exclude each other',
  TENSOR_SPLIT_LENGTH: 'give --tensor-split one share per device',
  OVERRIDE_UNMATCHED:
    'correct the pattern of --override-tensor; a model without experts takes no --cpu-moe',
  MODEL_NOT_FOUND: 'take a name that `outrider models` lists, or load the model first',
  MODEL_FILE_NOT_FOUND: 'check the path; the server looks up relative paths in its --model-root',
  MODEL_EXISTS: 'add --replace, unload the model first, or choose another id with --alias',
  PATH_OUTSIDE_ROOT: 'move the file, or start the server with its folder as --model-root',
  SYNTHETIC_DISABLED: 'synthetic acceptance must be allowed by the server',
  UNAUTHENTICATED: 'give a key of the server with --api-key-file or OUTRIDER_API_KEY',
  BACKEND_UNAVAILABLE: 'install the driver or backend of the device, or choose another --device',
  VOCAB_MISMATCH: 'take a draft model with the vocabulary of the target',
  UNSUPPORTED_MEMORY_TYPE: 'go on without --require-speculation and --model-draft',
  ENGINE_MISMATCH: 'load both models into the same --engine',
  SPECULATION_UNAVAILABLE:
    'go on without --require-speculation, load a draft model, or allow ngram in --draft-source',
  MODEL_IN_USE: 'wait for its streams with --drain, or end them with --force',
  MODEL_UNLOADING: 'wait until the model is gone, then load it again',
  MODEL_FAILED: 'load the model again; the cause is named above',
  CHAT_TEMPLATE_MISSING: 'leave out --chat: the model has no chat template',
  INSUFFICIENT_DEVICE_MEMORY:
    'offload fewer --gpu-layers, shorten --ctx-size, lower --parallel, or use other devices',
  QUEUE_FULL: 'try again later, or raise the --max-queue of the server',
  MODEL_NOT_READY: 'try again when `outrider models` says ready',
  ENGINE_RESTARTED: 'try again: the engine is coming back',
  SERVER_DRAINING: 'try again on another server, or when this one is back',
  MODEL_UNLOADED: 'load the model again',
  SLOW_CONSUMER: 'read the output faster, or raise the --slow-consumer-ms of the server',
  DEADLINE_EXCEEDED: 'allow more time with --timeout',
  CANCELLED: 'try again',
  PLACEMENT_VIOLATED: 'choose other devices; the library put data where it was not asked to',
  MODEL_CRASHED_ENGINE: 'do not load this file again; check it with another tool',
  ENGINE_ERROR: 'see the log of the server',
  INTERNAL: 'see the log of the server, and report this',
  NOT_SUPPORTED: 'leave out what is not supported yet',
} as const satisfies Record<Reason, string>;
