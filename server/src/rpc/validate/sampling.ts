import { type SamplingParams } from '@outrider/sdk/proto';
import { notSupported } from '../../coded-error.js';
import { type Issues } from '../../registry/issues.js';
import { type ModelLimits } from './generate.js';

/** Checks ranges; `field` is the path of the message. */
export function checkSampling(
  field: string,
  sampling: Partial<SamplingParams> | undefined,
  limits: ModelLimits | undefined,
  issues: Issues,
): void {
  if (sampling === undefined) return;
  for (const { key, name, fits, range } of RANGES) {
    const value = sampling[key];
    // NaN is in no range, and infinity is no setting.
    if (value === undefined || (Number.isFinite(value) && fits(value))) continue;
    issues.invalid(`${field}.${name}`, `${value} is out of range; ${range}`);
  }
  const biases = sampling.logitBias ?? [];
  if (biases.length > MOST_BIASES) {
    issues.invalid(
      `${field}.logit_bias`,
      `${biases.length} are given; ${MOST_BIASES} are the most`,
    );
  }
  const size = limits?.vocabularySize ?? Infinity;
  biases.forEach(({ tokenId, bias }, i) => {
    const path = `${field}.logit_bias[${i}]`;
    if (tokenId >= size) {
      issues.invalid(`${path}.token_id`, `${tokenId} is not below the vocabulary's ${size}`);
    }
    // Minus infinity is a plain way to ban; plus infinity and NaN have no meaning.
    if (Number.isNaN(bias) || bias === Infinity)
      issues.invalid(`${path}.bias`, `${bias} is no bias`);
  });
}

/** @throws CodedError NOT_SUPPORTED for a grammar */
export function refuseGrammar(field: string, sampling: Partial<SamplingParams> | undefined): void {
  if (sampling?.grammar === undefined) return;
  const member = sampling.grammar.$case === 'gbnf' ? 'gbnf' : 'json_schema';
  throw notSupported(`${field}.${member}`, 'leave the output unconstrained');
}

const MOST_BIASES = 1024;

type RangedKey =
  | 'temperature'
  | 'topP'
  | 'minP'
  | 'typicalP'
  | 'repetitionPenalty'
  | 'presencePenalty'
  | 'frequencyPenalty';

interface Range {
  readonly key: RangedKey;
  readonly name: string;
  readonly fits: (value: number) => boolean;
  readonly range: string;
}

const RANGES: readonly Range[] = [
  { key: 'temperature', name: 'temperature', fits: v => v >= 0, range: '0 or more is right' },
  { key: 'topP', name: 'top_p', fits: v => v > 0 && v <= 1, range: 'above 0, up to 1 is right' },
  { key: 'minP', name: 'min_p', fits: v => v >= 0 && v <= 1, range: '0 to 1 is right' },
  {
    key: 'typicalP',
    name: 'typical_p',
    fits: v => v > 0 && v <= 1,
    range: 'above 0, up to 1 is right',
  },
  {
    key: 'repetitionPenalty',
    name: 'repetition_penalty',
    fits: v => v > 0,
    range: 'above 0 is right',
  },
  { key: 'presencePenalty', name: 'presence_penalty', fits: within2, range: '-2 to 2 is right' },
  { key: 'frequencyPenalty', name: 'frequency_penalty', fits: within2, range: '-2 to 2 is right' },
];

function within2(value: number): boolean {
  return value >= -2 && value <= 2;
}
