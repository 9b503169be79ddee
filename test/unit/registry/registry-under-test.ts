import { type DraftSource, LoadModelRequest } from '@outrider/sdk/proto';
import { pino } from 'pino';
import { type ModelRecord } from '../../../server/src/registry/record.js';
import { type Loading, ModelRegistry } from '../../../server/src/registry/registry.js';
import { type OpenStream } from '../../../server/src/registry/streams.js';
import { type UnloadOptions } from '../../../server/src/registry/unload.js';
import { EnginePool } from '../../../server/src/engine/engine-pool.js';
import { type LibraryVariant } from '../../../server/src/engine/protocol.js';
import { FakeEngine } from '../../support/fake-engine.js';

export type LoadWish = Parameters<typeof LoadModelRequest.fromPartial>[0];

const NEVER = new AbortController().signal;
const TARGET = { source: { $case: 'uri', value: 'embedded:target' } } as const;

/** A registry over a fake engine, with the calls that tests make. */
export class RegistryUnderTest {
  readonly registry: ModelRegistry;
  /** Engines beside the default one, in the order in which they were made. */
  readonly others: FakeEngine[] = [];
  readonly engines: EnginePool;
  nowMs = 0;

  /** @param start makes engines beside the default one */
  constructor(
    engine: FakeEngine,
    maxQueue = 2,
    start: (name: string, variant?: LibraryVariant) => Promise<FakeEngine> = async () =>
      new FakeEngine(),
  ) {
    const log = pino({ level: 'silent' });
    this.engines = new EnginePool(engine, async (name, variant) => {
      const other = await start(name, variant);
      this.others.push(other);
      return other;
    });
    this.registry = new ModelRegistry({
      engines: this.engines,
      log,
      roots: ['.'],
      maxQueue,
      nowMs: () => this.nowMs,
    });
  }

  begin(modelId: string, wish: LoadWish = {}, signal: AbortSignal = NEVER): Promise<Loading> {
    return this.registry.load(
      LoadModelRequest.fromPartial({ modelId, source: TARGET, ...wish }),
      signal,
    );
  }

  async load(
    modelId: string,
    wish: LoadWish = {},
    signal: AbortSignal = NEVER,
  ): Promise<ModelRecord> {
    const loading = await this.begin(modelId, wish, signal);
    await drained(loading);
    return loading.record;
  }

  /** A stream that holds its sequences, as the Generate handler would. */
  stream(model: string, more: StreamWish = {}): Promise<OpenStream> {
    return this.registry.openStream({
      target: this.registry.ready(model),
      speculation: {
        mode: more.mode ?? 'auto',
        draftModel: more.draftModel,
        maxDraftTokens: 4,
        minDraftTokens: 0,
        minDraftProbability: 0,
        sources: more.sources ?? [],
        overlap: more.overlap ?? 'auto',
        required: more.required ?? false,
      },
      caller: more.caller ?? 'someone',
      maxTokens: more.maxTokens ?? 10,
      signal: more.signal ?? NEVER,
      remainingMs: more.remainingMs,
    });
  }

  unload(name: string, options: Partial<UnloadOptions> = {}) {
    return this.registry.unload(name, {
      drainTimeoutMs: undefined,
      force: false,
      detach: false,
      signal: NEVER,
      ...options,
    });
  }

  stateOf(model: string): string | undefined {
    return this.registry.find(model)?.state.replace('MODEL_STATE_', '');
  }

  /** Resolves when the state of a model is as wished. */
  async until(model: string, state: string | undefined): Promise<void> {
    if (this.stateOf(model) === state) return;
    await new Promise<void>(resolve => {
      const stop = this.registry.onChange(() => {
        if (this.stateOf(model) !== state) return;
        stop();
        resolve();
      });
    });
  }
}

export interface StreamWish {
  readonly caller?: string;
  readonly mode?: 'auto' | 'off' | 'fixed';
  readonly draftModel?: string;
  readonly required?: boolean;
  readonly sources?: readonly DraftSource[];
  readonly overlap?: 'auto' | 'off' | 'on';
  readonly maxTokens?: number;
  readonly signal?: AbortSignal;
  readonly remainingMs?: number;
}

/** Follows a load to its end, and hands out what it told. */
export async function drained(loading: Loading): Promise<string[]> {
  const told: string[] = [];
  for await (const { stage, fraction } of loading.progress) {
    told.push(`${stage.replace('LOAD_STAGE_', '')} ${fraction}`);
  }
  return told;
}

/** A promise and what settles it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>(resolve => {
    open = resolve;
  });
  return { opened, open };
}
