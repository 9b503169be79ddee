/** The part of a generation's result that the figures are made of. */
export interface Figures {
  readonly usage: { readonly completionTokens: number };
  readonly timings: { readonly tokensPerSecond?: number | undefined };
  readonly speculation?:
    | {
        readonly numSteps: number;
        readonly numDraftTokens: number;
        readonly numAcceptedDraftTokens: number;
        readonly draftAcceptanceRate?: number | undefined;
        readonly meanAcceptanceLength?: number | undefined;
      }
    | undefined;
}

/** The figures of one generation on one line. */
export function figuresLine({ usage, timings, speculation }: Figures): string {
  const speed = `${(timings.tokensPerSecond ?? 0).toFixed(1)} tokens/s`;
  const tokens = `${usage.completionTokens} tokens`;
  if (speculation?.draftAcceptanceRate === undefined) return `${tokens}, ${speed}`;
  const { numSteps, numDraftTokens, numAcceptedDraftTokens, draftAcceptanceRate } = speculation;
  const rate = `${Math.round(100 * draftAcceptanceRate)} %`;
  const length = (speculation.meanAcceptanceLength ?? 1).toFixed(2);
  return (
    `${tokens} in ${numSteps} steps, ${numDraftTokens} drafted, ${numAcceptedDraftTokens} accepted ` +
    `(${rate}), ${length} tokens a step, ${speed}`
  );
}

/** Whether two generations made the same tokens, and if not, where they part. */
export function comparison(plain: readonly number[], speculative: readonly number[]): string {
  const length = Math.max(plain.length, speculative.length);
  for (let i = 0; i < length; i += 1) {
    if (plain[i] !== speculative[i]) return `the texts part at token ${i}`;
  }
  return 'the texts are equal';
}
