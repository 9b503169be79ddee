import { LoadStage } from '@outrider/sdk/proto';
import { CodedError } from '../coded-error.js';
import { readBack } from './effective-placement.js';
import { type EngineThreads } from './engine-threads.js';
import { countRepackedOnce } from './host-weights.js';
import { readDevices } from './llama/devices.js';
import { type LlamaFunctions } from './llama/functions.js';
import { type LibraryFiles } from './llama/library.js';
import { LoadLog, type LlamaLogLevel } from './llama/log.js';
import { explainLoad } from './load-failure.js';
import { readModelHeader } from './model-file.js';
import { ModelHost } from './model-host.js';
import { modelInfo } from './model-info.js';
import { decideOptions } from './options.js';
import { type LoadedModel, type LoadProgressEvent, type LoadSpec } from './protocol.js';
import { pinTensors } from './tensor-pins.js';
import { type ThreadFacts } from './thread/messages.js';

/** A loaded model: its thread, what the thread knows, and what the server is told. */
export interface HostedModel {
  readonly host: ModelHost;
  readonly facts: ThreadFacts;
  readonly model: LoadedModel;
}

/** Who hears from a model while it loads and afterwards. */
export interface LoadListeners {
  readonly onProgress: (progress: LoadProgressEvent) => void;
  /** A stream is over. */
  readonly onStreamOver: (stream: number) => void;
  readonly onBug: (message: string) => void;
  readonly onFault: (message: string) => void;
}

/** One load, which can be given up while it runs. */
export class ModelLoad {
  readonly #spec: LoadSpec;
  readonly #log = new LoadLog();
  /** Rejects with CANCELLED when the load is given up before it runs; settles at no other time. */
  readonly givenUp: Promise<never>;
  #host: ModelHost | undefined;
  #begun = false;
  #cancelled = false;
  #giveUp: (error: CodedError) => void = () => undefined;

  constructor(spec: LoadSpec) {
    this.#spec = spec;
    this.givenUp = new Promise((_resolve, reject) => {
      this.#giveUp = reject;
    });
  }

  /** Devices that it goes to. */
  get devices(): readonly string[] {
    return this.#spec.placement.devices;
  }

  /** Makes the load fail with CANCELLED. */
  cancel(): void {
    this.#cancelled = true;
    this.#host?.cancelLoad();
    if (!this.#begun) this.#giveUp(cancelled());
  }

  /** @throws CodedError CANCELLED once the load was given up */
  requireWanted(): void {
    if (this.#cancelled) throw cancelled();
  }

  /** Takes a line of llama.cpp's log that was written while this load ran. */
  onLogLine(level: LlamaLogLevel, line: string): void {
    this.#log.line(level, line);
  }

  /**
   * Loads the model; everything is freed when it fails.
   * @throws CodedError BAD_MODEL_FILE, OVERRIDE_UNMATCHED, INSUFFICIENT_DEVICE_MEMORY, PLACEMENT_VIOLATED, INVALID_FIELD, CANCELLED
   */
  async run(
    llama: LlamaFunctions,
    files: LibraryFiles,
    threads: EngineThreads,
    { onProgress, onStreamOver, onBug, onFault }: LoadListeners,
  ): Promise<HostedModel> {
    const spec = this.#spec;
    this.#begun = true;
    const header = await readModelHeader(spec.path);
    const { options, warnings } = decideOptions(spec.options, header, spec.placement.splitMode);
    const pins = pinTensors(spec.placement.tensorOverrides, header.tensors);
    this.requireWanted();
    const reading = (fraction: number): LoadProgressEvent => ({
      stage: LoadStage.LOADING,
      fraction,
      doneBytes: Math.round(fraction * header.fileBytes),
      totalBytes: header.fileBytes,
    });
    const warmingUp = (fraction: number): LoadProgressEvent => ({
      stage: LoadStage.WARMING_UP,
      fraction,
      doneBytes: 0,
      totalBytes: 0,
    });
    onProgress(reading(0));
    const host = new ModelHost({
      name: spec.model,
      threads,
      files,
      path: spec.path,
      placement: spec.placement,
      pins,
      options,
      onReading: fraction => onProgress(reading(fraction)),
      onWarmingUp: () => {
        onProgress(reading(1));
        onProgress(warmingUp(0));
      },
      onStream: onStreamOver,
      onBug,
      onFault,
    });
    this.#host = host;
    const facts = await host.loaded.catch((error: unknown) => {
      throw explainLoad(CodedError.from(error), this.#log, spec.path);
    });
    try {
      const devices = readDevices(llama);
      const buffers = countRepackedOnce(llama, this.#log, header.tensors, pins);
      const { placement, warnings: odd } = readBack(
        { layers: this.#log.layers, buffers },
        spec.placement,
        facts.layers + 1,
        devices,
      );
      onProgress(warmingUp(1));
      return {
        host,
        facts,
        model: {
          options,
          placement,
          info: modelInfo(header, {
            ...facts,
            vocabularySize: facts.vocabulary.size,
            hasChatTemplate: facts.chatTemplate !== '',
          }),
          vocabularyFingerprint: facts.vocabulary.fingerprint,
          kvTotalTokens: facts.cells,
          decodeCosts: facts.decodeCosts,
          warnings: [...warnings, ...odd],
          chatTemplate: facts.chatTemplate,
          bosText: facts.bosText,
          eosText: facts.eosText,
        },
      };
    } catch (error) {
      await host.stop();
      throw error;
    }
  }
}

function cancelled(): CodedError {
  return new CodedError('CANCELLED', 'the load was given up');
}
