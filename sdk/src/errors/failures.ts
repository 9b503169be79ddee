import { markErrorClass, OutriderError, type OutriderErrorOptions } from './outrider-error.js';

/** The request itself is wrong: every INVALID_ARGUMENT, and options that this package refuses. */
export class InvalidRequestError extends OutriderError {
  static {
    markErrorClass(this, 'InvalidRequestError');
  }
}

/** No model of that name: MODEL_NOT_FOUND. */
export class ModelNotFoundError extends OutriderError {
  static {
    markErrorClass(this, 'ModelNotFoundError');
  }
}

/** The model is generating or drafting: MODEL_IN_USE. */
export class ModelInUseError extends OutriderError {
  static {
    markErrorClass(this, 'ModelInUseError');
  }
}

/** The model is loading or coming back: MODEL_NOT_READY. */
export class NotReadyError extends OutriderError {
  static {
    markErrorClass(this, 'NotReadyError');
  }
}

/** Draft and target have different vocabularies: VOCAB_MISMATCH. */
export class VocabularyMismatchError extends OutriderError {
  static {
    markErrorClass(this, 'VocabularyMismatchError');
  }
}

/** A device that is too small for what was asked. */
export interface ShortDevice {
  /** Device name. */
  readonly device: string;
  /** What would be needed. */
  readonly neededBytes: number;
  /** What is free. */
  readonly freeBytes: number;
}

/** Not enough memory on a device: INSUFFICIENT_DEVICE_MEMORY. */
export class OutOfDeviceMemoryError extends OutriderError {
  static {
    markErrorClass(this, 'OutOfDeviceMemoryError');
  }

  /** The devices that are too small. */
  readonly devices: readonly ShortDevice[];

  constructor(message: string, options: OutriderErrorOptions) {
    super(message, options);
    this.devices = shortDevices(this.metadata);
  }
}

/** Too many requests wait for the model: QUEUE_FULL. */
export class OverloadedError extends OutriderError {
  static {
    markErrorClass(this, 'OverloadedError');
  }
}

/** The engine process died under the call: ENGINE_RESTARTED. */
export class EngineRestartedError extends OutriderError {
  static {
    markErrorClass(this, 'EngineRestartedError');
  }
}

/** Nothing answers at the address, or the connection was lost. */
export class ConnectionError extends OutriderError {
  static {
    markErrorClass(this, 'ConnectionError');
  }
}

/** The deadline passed, or the server knows that it would. */
export class TimeoutError extends OutriderError {
  static {
    markErrorClass(this, 'TimeoutError');
  }
}

/** The caller ended the call: by `cancel()`, `break`, a signal, or by closing the client. */
export class CancelledError extends OutriderError {
  static {
    markErrorClass(this, 'CancelledError');
  }

  constructor(message: string, options: Omit<OutriderErrorOptions, 'code'> = {}) {
    super(message, { ...options, code: 'CANCELLED' });
  }
}

/** A generation or a load was iterated a second time. */
export class StreamConsumedError extends OutriderError {
  static {
    markErrorClass(this, 'StreamConsumedError');
  }

  constructor() {
    super('this stream was already iterated; iterate it once, and use result() beside it', {
      code: 'FAILED_PRECONDITION',
    });
  }
}

/** A stream ended without its last event. */
export class IncompleteStreamError extends OutriderError {
  static {
    markErrorClass(this, 'IncompleteStreamError');
  }

  constructor(message: string) {
    super(message, { code: 'DATA_LOSS' });
  }
}

function shortDevices(metadata: Readonly<Record<string, string>>): ShortDevice[] {
  const prefix = 'needed_bytes.';
  return Object.entries(metadata)
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, needed]) => {
      const device = key.slice(prefix.length);
      return {
        device,
        neededBytes: Number(needed),
        freeBytes: Number(metadata[`free_bytes.${device}`] ?? 0),
      };
    });
}
