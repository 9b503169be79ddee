import { type LlamaServerBuild } from '../llama-server/build.js';
import { type CompletionRequest, tokensPerSecond } from '../timed-completion.js';
import { type Contender, startContenders } from './contenders.js';
import { type Measurement, type Turn } from './measurement.js';
import { type PeersOptions } from './options.js';
import { ensurePair, type Pair, pairName } from './pairs.js';
import { PROMPTS_BY_CLASS } from './prompts/classes.js';
import { settingName, turnOrder } from './settings.js';

// For the threads that have the models: what runs in them must be compiled there as well.
const WARM_UP = { prompt: 'Once upon a time', tokens: 96 };

/** Lets every setting complete every prompt of one pair, in turns. */
export async function measurePair(
  pair: Pair,
  options: PeersOptions,
  build: LlamaServerBuild,
  report: (line: string) => void,
): Promise<Measurement[]> {
  const files = ensurePair(pair, report);
  await using contenders = await startContenders(files, options.threads, options.libraries, build);
  for (const contender of contenders.list) await completeBy(contender, WARM_UP);

  const measurements: Measurement[] = [];
  const turns = turnsOf(pair, options);
  for (const [index, turn] of turns.entries()) {
    // The same order for every temperature of a prompt, or one of them would only ever see half of the orders.
    const order = Math.floor(index / options.temperatures.length);
    for (const contender of turnOrder(contenders.list, order)) {
      const completion = await completeBy(contender, requestOf(turn, options.tokens));
      measurements.push({ turn, setting: contender.setting, completion });
    }
    const speeds = measurements
      .slice(-contenders.list.length)
      .map(({ setting, completion }) => [setting, tokensPerSecond(completion)] as const)
      .sort(([, a], [, b]) => b - a);
    const [[fastest, speed] = [undefined, 0]] = speeds;
    report(
      `${pairName(pair)}, turn ${index + 1} of ${turns.length}: ${turn.promptClass} at ${turn.temperature}, ` +
        `fastest ${fastest === undefined ? 'none' : settingName(fastest)} with ${speed.toFixed(1)} tokens/s`,
    );
  }
  return measurements;
}

/** Every prompt of a pair once per temperature, classes mixed, so that a slow minute hits all alike. */
function turnsOf(pair: Pair, { rounds, classes, temperatures }: PeersOptions): Turn[] {
  return Array.from({ length: rounds }, (_, round) =>
    classes.flatMap(promptClass =>
      temperatures.map(temperature => ({ pair, temperature, promptClass, round })),
    ),
  ).flat();
}

function requestOf({ promptClass, round, temperature }: Turn, tokens: number): CompletionRequest {
  const prompts = PROMPTS_BY_CLASS[promptClass];
  return { prompt: prompts[round % prompts.length] ?? '', tokens, temperature, seed: round + 1 };
}

async function completeBy({ setting, complete }: Contender, request: CompletionRequest) {
  try {
    return await complete(request);
  } catch (error) {
    throw new Error(`${settingName(setting)} failed`, { cause: error });
  }
}
