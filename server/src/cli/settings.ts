import { CommandFailure, usage } from './failure.js';
import { environmentName, type FieldFlag, type Flag } from './flags/flag.js';
import { yesOrNo } from './flags/values.js';

/** Values of one flag and where they come from. */
export interface Setting {
  /** In order; a switch has the single value `true`. Never empty. */
  readonly values: readonly string[];
  /** What the user wrote, for messages: `--max-queue`, `OUTRIDER_MAX_QUEUE` or `outrider.yaml:3: max_queue`. */
  readonly origin: string;
  readonly from: 'flag' | 'environment' | 'file';
}

/** What the parser found on the command line: the values of each flag given, by long name. */
export type GivenFlags = ReadonlyMap<string, readonly string[]>;

/** The effective value of every flag: the command line's, else the environment's, else a file's. */
export class Settings {
  readonly #settings: ReadonlyMap<string, Setting>;

  constructor(settings: ReadonlyMap<string, Setting>) {
    this.#settings = settings;
  }

  /** These, and what `weaker` has of flags that these leave out. A list takes the place of a list. */
  over(weaker: ReadonlyMap<string, Setting>): Settings {
    return new Settings(new Map([...weaker, ...this.#settings]));
  }

  /** The setting of a flag, or `undefined` when nobody has set it. */
  get(flag: string): Setting | undefined {
    return this.#settings.get(flag);
  }

  /** The last value of a flag as it was written. */
  text(flag: string): string | undefined {
    return this.get(flag)?.values.at(-1);
  }

  /** Every value of a flag that may be repeated. */
  texts(flag: string): readonly string[] {
    return this.get(flag)?.values ?? [];
  }

  /** A switch is on. */
  isOn(flag: string): boolean {
    return this.text(flag) === 'true';
  }

  /** The value of a flag through a parser, whose complaint then names the flag. @throws CommandFailure USAGE */
  value<Value>(flag: string, parse: (text: string) => Value): Value | undefined {
    const setting = this.get(flag);
    const text = setting?.values.at(-1);
    if (setting === undefined || text === undefined) return undefined;
    return named(setting.origin, () => parse(text));
  }

  /** Writes every set flag into the message; tells whether any was set. @throws CommandFailure USAGE */
  apply<Message>(flags: readonly FieldFlag<Message>[], into: Message): boolean {
    let any = false;
    for (const flag of flags) {
      const setting = this.get(flag.name);
      if (setting === undefined || (flag.value === undefined && !this.isOn(flag.name))) continue;
      any = true;
      const values = flag.repeatable === true ? setting.values : setting.values.slice(-1);
      for (const text of values) named(setting.origin, () => flag.set(into, text));
    }
    return any;
  }
}

/**
 * Joins command line and environment. An empty variable counts as unset; a switch that is `false` or `0` is off.
 * @throws CommandFailure USAGE when a switch's variable is neither yes nor no
 */
export function readSettings(
  flags: readonly Flag[],
  given: GivenFlags,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const settings = new Map<string, Setting>();
  for (const flag of flags) {
    const values = given.get(flag.name);
    if (values !== undefined) {
      settings.set(flag.name, { values, origin: `--${flag.name}`, from: 'flag' });
      continue;
    }
    const origin = environmentName(flag.name);
    const text = env[origin];
    if (text === undefined || text === '') continue;
    const value = flag.value === undefined ? named(origin, () => yesOrNo(text)) : text;
    settings.set(flag.name, { values: [value], origin, from: 'environment' });
  }
  return new Settings(settings);
}

function named<Value>(origin: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    if (error instanceof CommandFailure) throw usage(`${origin}: ${error.message}`);
    throw error;
  }
}
