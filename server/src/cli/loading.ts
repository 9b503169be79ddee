import {
  type LoadModelRequest,
  LoadModelResponse,
  type LoadProgress,
  type Model,
} from '@outrider/sdk/proto';
import { type Connection } from './connection.js';
import { type Io, note, writeJson } from './io.js';
import { enumWord } from './table.js';

/** What is told while a model loads. */
export interface LoadTelling {
  readonly io: Io;
  /** Print every response as JSON. @default false: progress on a terminal's standard error */
  readonly json?: boolean;
}

/**
 * Loads one model and waits for it. Its warnings go to standard error.
 * @throws ClientError as the server refuses, or when it ends the stream without a model
 */
export async function loadModel(
  { models }: Connection,
  request: LoadModelRequest,
  { io, json = false }: LoadTelling,
): Promise<Model> {
  const showProgress = io.errIsTerminal && !json;
  let model: Model | undefined;
  try {
    for await (const response of models.loadModel(request)) {
      if (json) await writeJson(io, LoadModelResponse.toJSON(response));
      const { event } = response;
      if (event?.$case === 'model') model = event.value;
      if (event?.$case === 'progress' && showProgress) {
        io.writeError(`${RESTART_LINE}${progressText(request.modelId, event.value)}`);
      }
    }
  } finally {
    if (showProgress) io.writeError(RESTART_LINE);
  }
  if (model === undefined) throw new Error(`the load of ${request.modelId} ended without a model`);
  for (const { code, message } of model.warnings) note(io, `${model.name}: ${code}: ${message}`);
  return model;
}

/** Carriage return, and clear to the end of the line. */
const RESTART_LINE = '\r\u001b[K';

function progressText(id: string, { stage, fraction }: LoadProgress): string {
  return `${id}: ${enumWord(stage, 'LOAD_STAGE_')} ${Math.round(fraction * 100)} %`;
}
