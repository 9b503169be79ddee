import { residentMemory, type ResidentMemory } from '../processes.js';
import { PROMPTS } from '../prompts.js';
import { loadDraft, loadTarget, startService } from '../service.js';
import { type OverheadOptions } from './options.js';

/** Resident memory of the two processes, in bytes. */
export interface MemoryUse {
  readonly when: 'at rest' | 'with the pair loaded';
  readonly server: ResidentMemory;
  readonly engine: ResidentMemory;
}

/** Reads the memory of server and engine before a load, and after the pair was loaded and has run. */
export async function measureMemory(
  model: string,
  options: OverheadOptions,
  report: (line: string) => void,
): Promise<MemoryUse[]> {
  await using service = await startService(model, options.llamaDir);
  const { client, server } = service;
  const read = (when: MemoryUse['when']): MemoryUse => {
    const use = {
      when,
      server: residentMemory(server.pid),
      engine: residentMemory(server.enginePid),
    };
    report(`${when}: server ${describe(use.server)}; engine ${describe(use.engine)}`);
    return use;
  };
  const atRest = read('at rest');
  await loadTarget(client, model, 1);
  await loadDraft(client);
  await client.generate({
    model: 'big',
    draftModel: 'small',
    speculation: 4,
    prompt: PROMPTS[0] ?? '',
    maxTokens: 64,
    temperature: 0,
  });
  return [atRest, read('with the pair loaded')];
}

function describe({ total, anonymous, mapped }: ResidentMemory): string {
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
  return `${mebibytes(total)} MiB (own ${mebibytes(anonymous)}, mapped files ${mebibytes(mapped)})`;
}
