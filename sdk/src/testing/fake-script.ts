import { type StatusCode } from '../errors/status-code.js';
import { type DeviceInventory } from '../types/device.js';
import { type GenerateOptions } from '../types/generate.js';
import { type GenerationEvent } from '../types/generation.js';
import { type Model } from '../types/model.js';

/** What a scripted generation says: a string is a step of one token, an event is sent as it is. */
export type FakeGeneration =
  | Iterable<string | GenerationEvent>
  | AsyncIterable<string | GenerationEvent>
  | {
      /** Ends the call at once. */
      error: { code: StatusCode; reason: string };
    };

/** How a fake server behaves. */
export interface FakeScript {
  /** Loaded from the start; others are then refused by MODEL_NOT_FOUND. @default any model is there */
  readonly models?: readonly Partial<Model>[] | undefined;
  /** The inventory. @default a CPU of 16 GiB */
  readonly devices?: DeviceInventory | undefined;
  /**
   * Answers a request. `started` and `completion` are added where the script leaves them out; an `OutriderError` that
   * it throws ends the stream with that status.
   * @default three words
   */
  readonly generate?: ((request: GenerateOptions) => FakeGeneration) | undefined;
}
