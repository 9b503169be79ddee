import { type LibraryVariant } from './protocol.js';

/** What an engine process is started with. */
export interface EngineStart {
  /** Folder with libllama, or `last`: node-llama-cpp's last local build. @default what node-llama-cpp chooses */
  readonly directory?: string | undefined;
  /** Variant of node-llama-cpp's packages, without a folder. @default the best one for this machine */
  readonly variant?: LibraryVariant | undefined;
  /** RPC workers, `host:port` each, whose devices it offers. @default [] */
  readonly workers?: readonly string[] | undefined;
}

/** Environment that hands it over. Every variable is set, so that none is inherited from whoever runs the server. */
export function startEnvironment({ directory, variant, workers }: EngineStart) {
  return {
    OUTRIDER_ENGINE_DIR: directory ?? '',
    OUTRIDER_ENGINE_VARIANT: variant ?? '',
    OUTRIDER_ENGINE_WORKERS: (workers ?? []).join(','),
  };
}

/** What `startEnvironment` handed over. */
export function readStart(environment: Readonly<Record<string, string | undefined>>) {
  const text = (name: keyof ReturnType<typeof startEnvironment>): string | undefined =>
    environment[name] || undefined;
  return {
    directory: text('OUTRIDER_ENGINE_DIR'),
    variant: variants.find(name => name === text('OUTRIDER_ENGINE_VARIANT')),
    workers: text('OUTRIDER_ENGINE_WORKERS')?.split(',') ?? [],
  };
}

const variants: readonly LibraryVariant[] = ['cpu', 'cuda', 'metal', 'vulkan'];
