/** One completion as its client saw it. */
export interface TimedCompletion {
  readonly text: string;
  /** Tokens produced. */
  readonly tokens: number;
  /** From sending the request to its first token, in milliseconds. */
  readonly firstTokenMs: number;
  /** From the first token to the end of the stream, in milliseconds. */
  readonly remainingMs: number;
}

/** Speed after the first token, which belongs to the prompt. */
export function tokensPerSecond({ tokens, remainingMs }: TimedCompletion): number {
  return ((tokens - 1) * 1000) / remainingMs;
}

/** Where two texts part, in characters; undefined when they are equal. */
export function partingOf(a: string, b: string): number | undefined {
  if (a === b) return undefined;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return i;
  return length;
}
