import { type GenerationStep, type StepStats } from '@outrider/sdk/proto';
import { type HandMadeStream } from './hand-made-stream.js';

/** A change to a stream that breaks an identity. */
export type Break = (stream: HandMadeStream) => void;

/** What a change is, what `identityViolations` must then say, and the change. */
export type BreakCase = readonly [what: string, expected: string, change: Break];

/** Changes one step. */
export const inStep =
  (index: number, change: (stats: StepStats, step: GenerationStep) => void): Break =>
  ({ steps }) => {
    const step = steps[index];
    if (step === undefined) throw new Error(`there is no step ${index}`);
    change(step.stats, step);
  };
