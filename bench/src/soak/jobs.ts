import { type GenerateOptions, type Outrider } from '@outrider/sdk';
import { PROMPTS } from '../prompts.js';

/** One generation that is asked for again and again, and what it said when it was alone. */
export interface Job {
  readonly request: GenerateOptions;
  readonly text: string;
}

/** What clients ask for. */
export interface Jobs {
  /** Of the target, in all ways to speculate. */
  readonly short: readonly Job[];
  /** Of the target, long and with so much beside every token that a reader who stops fills the connection. */
  readonly wordy: readonly Job[];
  /** Of the draft's weights, under whatever name they are loaded. */
  readonly small: readonly Job[];
}

/** Generates everything once, one stream after the other. */
export async function prepareJobs(client: Outrider): Promise<Jobs> {
  const short = PROMPTS.flatMap((prompt, i) => [
    { ...SHORT, prompt, temperature: 0, seed: 1 },
    { ...SHORT, prompt, temperature: 0.8, seed: 10 + i, speculation: 'off' as const },
    { ...SHORT, prompt, temperature: 1, seed: 20 + i, speculation: 4 },
  ]);
  const wordy = PROMPTS.slice(0, 2).map((prompt, i) => ({
    ...{ model: 'target', prompt, temperature: 0.9, seed: 40 + i, ignoreEos: true },
    ...{ maxTokens: 300, logprobs: 20, stats: 'detailed' as const },
  }));
  const small = PROMPTS.slice(0, 4).map((prompt, i) => ({
    ...{ model: 'draft', prompt, temperature: 0.8, seed: 50 + i, maxTokens: 24 },
  }));
  return {
    short: await alone(client, short),
    wordy: await alone(client, wordy),
    small: await alone(client, small),
  };
}

const SHORT = { model: 'target', maxTokens: 48 } as const;

async function alone(client: Outrider, requests: readonly GenerateOptions[]): Promise<Job[]> {
  const jobs: Job[] = [];
  for (const request of requests)
    jobs.push({ request, text: (await client.generate(request)).text });
  return jobs;
}
