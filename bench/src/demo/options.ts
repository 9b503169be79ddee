import { parseArgs } from 'node:util';

/** What `npm run demo` was asked for. */
export interface DemoOptions {
  /** On the 95 million parameter expansion, plain and speculative. */
  readonly large: boolean;
  readonly prompt: string;
  /** Tokens of each text. */
  readonly maxTokens: number;
  readonly seed: number;
  readonly temperature: number;
}

/** Text for `--help`. */
export const USAGE = `npm run demo -- [options]
  --large            on a 95M model, plain and speculative, to show speed
  --prompt TEXT      beginning of the story
  --max-tokens N     length of each text (128)
  --seed N           same seed, same text (7)
  --temperature T    0 takes the most likely token each time (0.8)`;

/**
 * Reads the command line of the demo; undefined when it asks for help.
 * @throws TypeError naming an option that does not exist or has no number
 */
export function readDemoOptions(line: readonly string[]): DemoOptions | undefined {
  const { values } = parseArgs({
    args: [...line],
    options: {
      help: { type: 'boolean', default: false },
      large: { type: 'boolean', default: false },
      prompt: { type: 'string', default: 'Once upon a time there was a miller who' },
      'max-tokens': { type: 'string', default: '128' },
      seed: { type: 'string', default: '7' },
      temperature: { type: 'string', default: '0.8' },
    },
  });
  if (values.help) return undefined;
  return {
    large: values.large,
    prompt: values.prompt,
    maxTokens: numberFrom('--max-tokens', values['max-tokens']),
    seed: numberFrom('--seed', values.seed),
    temperature: numberFrom('--temperature', values.temperature),
  };
}

function numberFrom(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new TypeError(`${name} must be a number of at least 0, not "${text}"`);
  }
  return value;
}
