import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from '@jest/globals';
import { type LoadModelRequest } from '@outrider/sdk/proto';
import { type FakeEngine } from '../../support/fake-engine.js';
import { embedded, readAll, Served } from './served.js';

/** A state folder, another one for each test of a file. */
export class StateFolder {
  path = '';
  /** The configuration of its servers. */
  readonly models: readonly LoadModelRequest[] = [embedded('big')];

  constructor() {
    beforeEach(() => {
      this.path = mkdtempSync(join(tmpdir(), 'outrider-remembered-'));
    });
    afterEach(() => rmSync(this.path, { recursive: true }));
  }

  /** A server on it that has loaded what it begins with. */
  start(engine?: FakeEngine): Promise<Served> {
    return Served.ready({ models: this.models, stateDir: this.path }, engine);
  }

  /** What stands in the file of remembered models. */
  file(): string {
    return readFileSync(join(this.path, 'models.json'), 'utf8');
  }
}

/** Loads a model to the end. */
export async function load(served: Served, ...wish: Parameters<typeof embedded>): Promise<void> {
  await readAll(served.models.loadModel(embedded(...wish)));
}

/** Name, state and default draft of every model, in the order of loading. */
export async function listed({ models }: Served): Promise<string[]> {
  const { models: all } = await models.listModels({});
  return all.map(({ name, state, defaultDraft }) =>
    [name, state.replace('MODEL_STATE_', ''), defaultDraft?.draftModel ?? '-'].join(' '),
  );
}
