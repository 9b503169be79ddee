import { readFile } from 'node:fs/promises';
import { LoadModelRequest, SamplingParams, SpeculationParams } from '@outrider/sdk/proto';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../caught-error.js';
import { knownKeys, messageSchema, needs } from '../config/message-schema.js';
import { usage } from './failure.js';
import { type Flag } from './flags/flag.js';
import { ENGINE_FLAGS, SERVE_FLAGS } from './flags/serve-flags.js';
import { type Setting } from './settings.js';

/** What a configuration file says. */
export interface ConfigFile {
  /** As it was named. */
  readonly path: string;
  /** Flags of the server, by long name. */
  readonly settings: ReadonlyMap<string, Setting>;
  readonly defaults: {
    readonly sampling: SamplingParams | undefined;
    readonly speculation: SpeculationParams | undefined;
  };
  /** The start-up models, in the order of loading; undefined where the file does not speak of them. */
  readonly models: readonly LoadModelRequest[] | undefined;
  /** How complaints name a key, by its path: `outrider.yaml:12: models[1].options`. */
  at(key: string): string;
}

/**
 * Reads a configuration file. What its values mean is checked where flags and requests are.
 * @throws CommandFailure USAGE with file, line, key and remedy of everything that is wrong
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const { document, lineOf } = parse(path, await contents(path));
  const at = (key: string) => `${path}:${lineOf(stepsOf(key))}: ${key}`;
  const plain = plainOf(document, path);
  // A file of comments only says nothing, which is allowed.
  const parsed = FILE.safeParse(plain ?? {});
  if (!parsed.success) {
    const wrong = parsed.error.issues.flatMap(issue =>
      keysOf(issue).map(steps => `${at(textOf(steps))}: ${issue.message}`),
    );
    throw usage(wrong.join('; '));
  }
  const { defaults, models, ...flags } = parsed.data;
  return {
    path,
    settings: settingsOf(flags, at),
    defaults: {
      sampling: defaults?.sampling && SamplingParams.fromJSON(defaults.sampling),
      speculation: defaults?.speculation && SpeculationParams.fromJSON(defaults.speculation),
    },
    models: models?.map(model => LoadModelRequest.fromJSON(model)),
    at,
  };
}

const FILE_FLAGS: readonly Flag[] = [...SERVE_FLAGS, ...ENGINE_FLAGS];

const keyOf = ({ name }: Flag) => name.replaceAll('-', '_');

const word = z.union([z.string(), z.number()]);

const FILE = knownKeys({
  ...Object.fromEntries(FILE_FLAGS.map(flag => [keyOf(flag), flagSchema(flag).optional()])),
  defaults: knownKeys({
    sampling: messageSchema('SamplingParams', 'proto').optional(),
    speculation: messageSchema('SpeculationParams', 'proto').optional(),
  }).optional(),
  models: z
    .array(messageSchema('LoadModelRequest', 'proto'), {
      error: ({ input }) => needs('a list', input),
    })
    .optional(),
});

/** Values as the command line would have them, because the flags' own parsers check them. */
function flagSchema(flag: Flag): z.ZodType<string[]> {
  if (flag.value === undefined) {
    return z
      .boolean({ error: ({ input }) => needs('true or false', input) })
      .transform(on => [String(on)]);
  }
  if (flag.repeatable !== true && flag.commas !== true) {
    return z
      .union([z.string(), z.number()], {
        error: ({ input }) => needs('a text or a number', input),
      })
      .transform(value => [String(value)]);
  }
  return z
    .union([word, z.array(word).min(1)], {
      error: ({ input }) => needs('a text, or a list of texts', input),
    })
    .transform(value => {
      const values = [value].flat().map(String);
      return flag.commas === true ? [values.join(',')] : values;
    });
}

function settingsOf(
  given: Readonly<Record<string, unknown>>,
  at: (key: string) => string,
): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  for (const flag of FILE_FLAGS) {
    const values = given[keyOf(flag)];
    if (!Array.isArray(values)) continue;
    settings.set(flag.name, { values: values.map(String), origin: at(keyOf(flag)), from: 'file' });
  }
  return settings;
}

async function contents(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const why = messageOf(error);
    throw usage(`--config: ${path} cannot be read: ${why}`);
  }
}

type Steps = readonly (string | number)[];

function parse(path: string, text: string) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const { line, col } = lines.linePos(problem.pos[0]);
    throw usage(`${path}:${line}:${col}: ${problem.message}`);
  }
  return { document, lineOf: (steps: Steps) => lines.linePos(offsetOf(document, steps)).line };
}

function plainOf(document: Document, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // Aliases are looked up only now.
    throw usage(`${path}: ${messageOf(error)}`);
  }
}

/** Where a value is written; a key that has none is where the next thing around it is. */
function offsetOf(document: Document, steps: Steps): number {
  for (let length = steps.length; length > 0; length--) {
    const node = document.getIn(steps.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

/** Every key that an issue speaks of. */
function keysOf(issue: z.core.$ZodIssue): Steps[] {
  const path = issue.path.map(step => (typeof step === 'symbol' ? String(step) : step));
  return issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...path, key]) : [path];
}

function textOf(steps: Steps): string {
  const text = steps.map(step => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}

function stepsOf(key: string): Steps {
  return [...key.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, name = '']) =>
    index === undefined ? name : Number(index),
  );
}
