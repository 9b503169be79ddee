import { type Outrider } from '@outrider/sdk';
import { type LlamaServerBuild } from '../llama-server/build.js';
import { startLlamaServer } from '../llama-server/process.js';
import { type CompletionDrafting, completeWithOutrider, PLAIN } from '../outrider-completion.js';
import { CONTEXT_LENGTH, loadDraft, loadTarget, startService } from '../service.js';
import { type CompletionRequest, type TimedCompletion } from '../timed-completion.js';
import { warmUp } from '../warm-up.js';
import { type PairFiles } from './pairs.js';
import {
  type Drafting,
  LLAMA_SERVER_SETTINGS,
  type LibrarySet,
  type Setting,
  settingsOf,
} from './settings.js';

/** A setting that is ready to generate. */
export interface Contender {
  readonly setting: Setting;
  readonly complete: (request: CompletionRequest) => Promise<TimedCompletion>;
}

/** All settings for one pair; only the one that is asked computes. */
export interface Contenders extends AsyncDisposable {
  readonly list: readonly Contender[];
}

/**
 * Starts a llama-server per setting of its own and a private Outrider per library set, and loads the pair into each.
 * @param threads of the targets; a draft has as many in llama-server, and in Outrider what it takes by itself
 */
export async function startContenders(
  files: PairFiles,
  threads: number,
  libraries: readonly LibrarySet[],
  build: LlamaServerBuild,
): Promise<Contenders> {
  const list: Contender[] = [];
  const running: AsyncDisposable[] = [];
  const end = async (): Promise<void> => {
    for (const one of running.reverse()) await one[Symbol.asyncDispose]();
  };
  try {
    for (const setting of LLAMA_SERVER_SETTINGS) {
      const draft = draftOf(setting.drafting, files.draft);
      const server = await startLlamaServer({
        ...{ binary: build.binary, model: files.target, threads, contextLength: CONTEXT_LENGTH },
        ...(draft !== undefined && { draft }),
      });
      running.push(server);
      list.push({ setting, complete: async request => server.complete(request) });
    }
    for (const set of libraries) {
      const libraryDir = set === 'same' ? build.libraryDir : undefined;
      const service = await startService(files.target, libraryDir);
      running.push(service);
      await warmUp(service.client);
      await loadTarget(service.client, files.target, threads);
      await loadDraft(service.client, files.draft);
      list.push(...contendersOf(service.client, set));
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { list, [Symbol.asyncDispose]: end };
}

function draftOf(
  drafting: Drafting,
  model: string,
): { model: string; maxTokens: number } | undefined {
  return typeof drafting === 'number' ? { model, maxTokens: drafting } : undefined;
}

function contendersOf(client: Outrider, set: LibrarySet): Contender[] {
  const settings = settingsOf([set]).filter(({ server }) => server === set);
  return settings.map(setting => ({
    setting,
    complete: async request => completeWithOutrider(client, request, draftingOf(setting.drafting)),
  }));
}

function draftingOf(drafting: Drafting): CompletionDrafting {
  return drafting === 'plain' ? PLAIN : { draftModel: 'small', speculation: drafting };
}
