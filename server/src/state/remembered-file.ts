import { LoadModelRequest } from '@outrider/sdk/proto';
import { z } from 'zod';
import { messageSchema } from '../config/message-schema.js';

/** What a restart brings back. */
export interface Remembered {
  /** In the order of loading. */
  readonly models: readonly LoadModelRequest[];
  /** By name of a target, the name of its default draft (empty: none) where that is not what the loads bring about. */
  readonly drafts: Readonly<Record<string, string>>;
}

/** The text of the file. */
export function rememberedText({ models, drafts }: Remembered): string {
  const requests = models.map(model => LoadModelRequest.toJSON(model));
  return `${JSON.stringify({ format: FORMAT, version: VERSION, models: requests, drafts }, undefined, 2)}\n`;
}

/** What a file says. @throws Error that tells why it is not such a file */
export function parseRemembered(text: string): Remembered {
  const parsed = schema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error).replaceAll('\n', ' '));
  const { models, drafts } = parsed.data;
  return { models: models.map(model => LoadModelRequest.fromJSON(model)), drafts };
}

const FORMAT = 'outrider-models';
const VERSION = 1;

const schema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  models: z.array(messageSchema('LoadModelRequest', 'json')),
  drafts: z.record(z.string(), z.string()),
});
