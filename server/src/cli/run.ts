import {
  type GenerateRequest,
  GenerateResponse,
  type GenerationCompletion,
  type GenerationStarted,
} from '@outrider/sdk/proto';
import { withServer } from './client.js';
import { refuseAccessFlags } from './client-access.js';
import { tokensText, wantsColor } from './color.js';
import { type Invocation } from './command.js';
import { type Connection } from './connection.js';
import { figures } from './figures.js';
import { note, writeJson } from './io.js';
import { loadModel } from './loading.js';
import { embeddedNote, modelPair, type ModelPair } from './pair.js';
import { generateRequest, promptText } from './request.js';
import { engineConfig, refuseEngineFlags } from './server-config.js';

/** What the embedded pair continues when it is given no prompt. */
const EMBEDDED_PROMPT = 'Once upon a time';

/** `outrider run`: loads, generates once, prints the text, and says what speculation did for it. */
export async function run(invocation: Invocation): Promise<void> {
  const { settings, io } = invocation;
  const address = settings.text('address');
  refuseEngineFlags(settings);
  if (address === undefined) refuseAccessFlags(settings);
  const paths = address === undefined ? 'ours' : 'server';
  const pair = modelPair(settings, { paths, withoutModel: 'embedded' });
  const prompt = await promptText(settings, io, pair.embedded ? EMBEDDED_PROMPT : undefined);
  const request = generateRequest(settings, `models/${pair.target.modelId}`, prompt);
  const color = wantsColor(settings, io);
  const remark = embeddedNote(pair);
  if (remark !== undefined) note(io, remark);
  const generate = (connection: Connection) =>
    runPair(invocation, connection, pair, request, color);
  if (address !== undefined) {
    await withServer(invocation, generate);
    return;
  }
  const { startPrivateServer } = await import('./private-server.js');
  await using server = await startPrivateServer(engineConfig(settings));
  await withServer(invocation, generate, server.address);
}

/** Loads the pair over a connection and prints one generation with it. */
export async function runPair(
  invocation: Invocation,
  connection: Connection,
  { target, draft }: ModelPair,
  request: GenerateRequest,
  color: boolean,
): Promise<void> {
  const { io } = invocation;
  await loadModel(connection, target, { io });
  if (draft !== undefined) await loadModel(connection, draft, { io });
  const { started, completion } = await printGeneration(invocation, connection, request, color);
  note(io, figures(started, completion));
}

interface Ends {
  readonly started: GenerationStarted;
  readonly completion: GenerationCompletion;
}

async function printGeneration(
  { io, json }: Invocation,
  { generation }: Connection,
  request: GenerateRequest,
  color: boolean,
): Promise<Ends> {
  let started: GenerationStarted | undefined;
  let completion: GenerationCompletion | undefined;
  let needsLineBreak = false;
  try {
    for await (const response of generation.generate(request)) {
      if (json) await writeJson(io, GenerateResponse.toJSON(response));
      const { event } = response;
      if (event?.$case === 'started') started = event.value;
      if (event?.$case === 'completion') completion = event.value;
      if (event?.$case === 'step' && !json) {
        needsLineBreak = true;
        await io.write(tokensText(event.value.tokens, color));
      }
    }
  } finally {
    if (needsLineBreak) await io.write('\n');
  }
  if (started === undefined || completion === undefined) {
    throw new Error('the stream ended without a completion');
  }
  return { started, completion };
}
