import { readFile } from 'node:fs/promises';
import { ChatRole, GenerateRequest, SamplingParams, SpeculationParams } from '@outrider/sdk/proto';
import { messageOf } from '../caught-error.js';
import { usage } from './failure.js';
import { REQUEST_FLAGS } from './flags/request-flags.js';
import { SAMPLING_FLAGS } from './flags/sampling-flags.js';
import { SPECULATION_FLAGS } from './flags/speculation-flags.js';
import { type Io } from './io.js';
import { type Settings } from './settings.js';

/** Tokens of a run that was given no number. */
const RUN_TOKENS = 128;

/** The generation that the flags ask for. @throws CommandFailure USAGE */
export function generateRequest(settings: Settings, model: string, text: string): GenerateRequest {
  const request = GenerateRequest.fromPartial({ model, maxTokens: RUN_TOKENS });
  request.input = settings.isOn('chat')
    ? {
        $case: 'chat',
        value: { messages: [{ role: ChatRole.USER, content: text }], template: '' },
      }
    : { $case: 'text', value: text };
  settings.apply(REQUEST_FLAGS, request);
  request.sampling = sampling(settings);
  request.speculation = speculation(settings);
  return request;
}

/** Sampling as the flags say; undefined when none is given. @throws CommandFailure USAGE */
export function sampling(settings: Settings): SamplingParams | undefined {
  const params = SamplingParams.fromPartial({});
  return settings.apply(SAMPLING_FLAGS, params) ? params : undefined;
}

/** Speculation as the flags say; undefined when none is given. @throws CommandFailure USAGE */
export function speculation(settings: Settings): SpeculationParams | undefined {
  const params = SpeculationParams.fromPartial({});
  return settings.apply(SPECULATION_FLAGS, params) ? params : undefined;
}

/**
 * The prompt of `--prompt` or `--file`. A file's last line break is not part of it.
 * @param fallback used when neither is given; undefined refuses
 * @throws CommandFailure USAGE when both or none are given, or the file cannot be read
 */
export async function promptText(
  settings: Settings,
  io: Io,
  fallback: string | undefined,
): Promise<string> {
  const prompt = settings.text('prompt');
  const file = settings.text('file');
  if (prompt !== undefined && file !== undefined) {
    throw usage('--prompt and --file exclude each other');
  }
  if (file !== undefined) return (await fileText(file, io)).replace(/\r?\n$/, '');
  const text = prompt ?? fallback;
  if (text === undefined) throw usage('--prompt or --file is missing');
  return text;
}

async function fileText(file: string, io: Io): Promise<string> {
  if (file === '-') return io.readInput();
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw usage(`--file: ${messageOf(error)}`);
  }
}
