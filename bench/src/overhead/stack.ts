import { type Outrider } from '@outrider/sdk';
import { type LlamaServer, startLlamaServer } from '../llama-server/process.js';
import { completeWithOutrider } from '../outrider-completion.js';
import { PROMPTS } from '../prompts.js';
import { CONTEXT_LENGTH, loadTarget, startService } from '../service.js';
import { formatSpread, pairedRatios, spread, type Spread } from '../stats.js';
import { partingOf, type TimedCompletion, tokensPerSecond } from '../timed-completion.js';
import { warmUp, warmUpPeerClient } from '../warm-up.js';
import { type OverheadOptions } from './options.js';

/** Plain decoding through the whole stack against llama-server. */
export interface StackSpeed {
  readonly threads: number;
  /** Tokens per second of the SDK over TCP. */
  readonly ours: Spread;
  /** Tokens per second of llama-server's stream. */
  readonly theirs: Spread;
  /** Ours over theirs, round by round. */
  readonly ratio: Spread;
  /** Time to the first token, ours over theirs, round by round. */
  readonly firstTokenRatio: Spread;
  /** Rounds in which the two texts are equal to the last character. */
  readonly equalTexts: number;
}

const TOKENS = 128;
// For the thread that has the model: what runs in it must be compiled there as well.
const WARM_UP_TOKENS = 400;

/** Compares plain greedy decoding of the same file with the same threads, in turns, each round another prompt. */
export async function measureStack(
  model: string,
  llamaServer: string,
  options: OverheadOptions,
  report: (line: string) => void,
): Promise<StackSpeed[]> {
  const results: StackSpeed[] = [];
  await warmUpPeerClient(llamaServer);
  for (const threads of options.threads) {
    await using service = await startService(model, options.llamaDir);
    await warmUp(service.client);
    await loadTarget(service.client, model, threads);
    await using other = await startLlamaServer({
      binary: llamaServer,
      model,
      threads,
      contextLength: CONTEXT_LENGTH,
    });
    const result = await compare(service.client, other, threads, options.rounds);
    report(
      `${threads} threads: ours ${formatSpread(result.ours, 1)}, llama-server ${formatSpread(result.theirs, 1)} tokens/s, ` +
        `ratio ${formatSpread(result.ratio)}, first token ${formatSpread(result.firstTokenRatio, 2)}, ` +
        `${result.equalTexts} of ${options.rounds} texts equal`,
    );
    results.push(result);
  }
  return results;
}

async function compare(
  client: Outrider,
  other: LlamaServer,
  threads: number,
  rounds: number,
): Promise<StackSpeed> {
  const ours: TimedCompletion[] = [];
  const theirs: TimedCompletion[] = [];
  await completeWithOutrider(client, { prompt: 'Warm', tokens: WARM_UP_TOKENS });
  await other.complete({ prompt: 'Warm', tokens: WARM_UP_TOKENS });
  for (let round = 0; round < rounds; round += 1) {
    const request = { prompt: PROMPTS[round % PROMPTS.length] ?? '', tokens: TOKENS };
    if (round % 2 === 0) ours.push(await completeWithOutrider(client, request));
    theirs.push(await other.complete(request));
    if (round % 2 === 1) ours.push(await completeWithOutrider(client, request));
  }
  const speeds = [ours, theirs].map(side => side.map(tokensPerSecond));
  const [oursPerSecond = [], theirsPerSecond = []] = speeds;
  return {
    threads,
    ours: spread(oursPerSecond),
    theirs: spread(theirsPerSecond),
    ratio: spread(pairedRatios(oursPerSecond, theirsPerSecond)),
    firstTokenRatio: spread(
      pairedRatios(
        ours.map(({ firstTokenMs }) => firstTokenMs),
        theirs.map(({ firstTokenMs }) => firstTokenMs),
      ),
    ),
    equalTexts: ours.filter(({ text }, i) => partingOf(text, theirs[i]?.text ?? '') === undefined)
      .length,
  };
}
