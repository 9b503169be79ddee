import { type LlamaServerBuild } from '../llama-server/build.js';
import { startLlamaServer } from '../llama-server/process.js';
import { completeWithOutrider, PLAIN } from '../outrider-completion.js';
import { type PairFiles } from '../peers/pairs.js';
import { CONTEXT_LENGTH, loadDraft, loadTarget, startService } from '../service.js';
import { type CompletionRequest, type TimedCompletion } from '../timed-completion.js';
import { warmUp } from '../warm-up.js';

/** How text is made: by the target alone, or with drafts of three tokens, which is llama-server's default. */
export type Way = 'plain' | 'speculative';

/** One service in one way, with room for so many streams. */
export interface StreamContender {
  readonly server: 'outrider' | 'llama-server';
  readonly way: Way;
  readonly complete: (request: CompletionRequest) => Promise<TimedCompletion>;
}

/** All of them for one number of streams; only those that are asked compute. */
export interface StreamContenders extends AsyncDisposable {
  readonly list: readonly StreamContender[];
}

const DRAFT_TOKENS = 3;

/**
 * Starts two llama-servers, plain and speculative, and one Outrider on the same libraries, each for `streams` at once.
 * @param threads of the targets; a draft has as many in llama-server, and in Outrider what it takes by itself
 */
export async function startStreamContenders(
  files: PairFiles,
  threads: number,
  streams: number,
  build: LlamaServerBuild,
): Promise<StreamContenders> {
  const running: AsyncDisposable[] = [];
  const end = async (): Promise<void> => {
    for (const one of running.reverse()) await one[Symbol.asyncDispose]();
  };
  try {
    const common = { binary: build.binary, model: files.target, threads, slots: streams };
    const options = { ...common, contextLength: CONTEXT_LENGTH };
    const draft = { model: files.draft, maxTokens: DRAFT_TOKENS };
    const plain = await startLlamaServer(options);
    running.push(plain);
    const drafted = await startLlamaServer({ ...options, draft });
    running.push(drafted);
    const service = await startService(files.target, build.libraryDir);
    running.push(service);
    const { client } = service;
    await warmUp(client);
    await loadTarget(client, files.target, threads, streams);
    await loadDraft(client, files.draft, streams);
    const speculative = { draftModel: 'small', speculation: DRAFT_TOKENS } as const;
    const list: StreamContender[] = [
      {
        server: 'llama-server',
        way: 'plain',
        complete: async request => plain.completeBeside(request),
      },
      {
        server: 'llama-server',
        way: 'speculative',
        complete: async request => drafted.completeBeside(request),
      },
      {
        server: 'outrider',
        way: 'plain',
        complete: async request => completeWithOutrider(client, request, PLAIN),
      },
      {
        server: 'outrider',
        way: 'speculative',
        complete: async request => completeWithOutrider(client, request, speculative),
      },
    ];
    return { list, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}
