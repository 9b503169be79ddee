/** What a completion is asked for: as many tokens as wanted, an end of text or not, without looking at what is cached. */
export interface CompletionRequest {
  readonly prompt: string;
  /** How many to make. */
  readonly tokens: number;
  /** 0 takes the most likely token each time. @default 0 */
  readonly temperature?: number;
  /** Of the random choices. @default 1 */
  readonly seed?: number;
}

/** What a service says about its drafts. */
export interface DraftCounts {
  /** Tokens put before the target. */
  readonly drafted: number;
  /** Of them, those that the target confirmed. */
  readonly accepted: number;
  /** Passes of the target that had drafted tokens to confirm. */
  readonly steps: number;
}

/** One completion as its client saw it. */
export interface TimedCompletion {
  readonly text: string;
  /** Tokens produced. */
  readonly tokens: number;
  /** From sending the request to its first token, in milliseconds. */
  readonly firstTokenMs: number;
  /** From the first token to the end of the stream, in milliseconds. */
  readonly remainingMs: number;
  /** Pause before each token after the first, in milliseconds; 0 for one that came together with the token before. */
  readonly gapsMs: readonly number[];
  readonly drafts: DraftCounts;
}

/** Times the tokens of one stream; starts when it is made. */
export class TokenTimer {
  readonly #start = performance.now();
  readonly #gapsMs: number[] = [];
  #first: number | undefined;
  #last = 0;

  /** Tokens came that had not been there before. */
  arrived(count: number): void {
    const now = performance.now();
    for (let i = 0; i < count; i += 1) {
      if (this.#first === undefined) this.#first = now;
      else this.#gapsMs.push(now - this.#last);
      this.#last = now;
    }
  }

  /**
   * The stream has ended.
   * @throws Error naming the service when it made another number of tokens
   */
  finish(
    service: string,
    expected: number,
    text: string,
    drafts: DraftCounts = { drafted: 0, accepted: 0, steps: 0 },
  ): TimedCompletion {
    const end = performance.now();
    const tokens = this.#first === undefined ? 0 : this.#gapsMs.length + 1;
    if (this.#first === undefined || tokens !== expected) {
      throw new Error(`${service} made ${tokens} tokens instead of ${expected}`);
    }
    return {
      text,
      tokens,
      firstTokenMs: this.#first - this.#start,
      remainingMs: end - this.#first,
      gapsMs: this.#gapsMs,
      drafts,
    };
  }
}

/** Speed after the first token, which belongs to the prompt. */
export function tokensPerSecond({
  tokens,
  remainingMs,
}: Pick<TimedCompletion, 'tokens' | 'remainingMs'>): number {
  return ((tokens - 1) * 1000) / remainingMs;
}

/** Where two texts part, in characters; undefined when they are equal. */
export function partingOf(a: string, b: string): number | undefined {
  if (a === b) return undefined;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return i;
  return length;
}
