import { type SamplingParams } from '@outrider/sdk/proto';
import { usage } from '../failure.js';
import { type FieldFlag } from './flag.js';
import { count, decimal, integer } from './values.js';

type Target = SamplingParams;

/** Flags of `SamplingParams`. Ranges are the server's business; only what is no number at all is refused here. */
export const SAMPLING_FLAGS: readonly FieldFlag<Target>[] = [
  {
    name: 'temp',
    value: 'T',
    help: 'temperature; 0 takes the most likely token',
    set: (into, text) => {
      into.temperature = decimal(text);
    },
  },
  {
    name: 'top-k',
    value: 'N',
    help: 'keep the N most likely tokens; 0: off',
    set: (into, text) => {
      into.topK = count(text);
    },
  },
  {
    name: 'top-p',
    value: 'P',
    help: 'keep the likeliest tokens up to this sum; 1: off',
    set: (into, text) => {
      into.topP = decimal(text);
    },
  },
  {
    name: 'min-p',
    value: 'P',
    help: 'drop tokens below this share of the best; 0: off',
    set: (into, text) => {
      into.minP = decimal(text);
    },
  },
  {
    name: 'typical',
    value: 'P',
    help: 'locally typical sampling; 1: off',
    set: (into, text) => {
      into.typicalP = decimal(text);
    },
  },
  {
    name: 'repeat-penalty',
    value: 'X',
    help: 'repetition penalty; 1: off',
    set: (into, text) => {
      into.repetitionPenalty = decimal(text);
    },
  },
  {
    name: 'repeat-last-n',
    value: 'N',
    help: 'tokens that the penalties look back on',
    set: (into, text) => {
      into.penaltyLastN = count(text);
    },
  },
  {
    name: 'presence-penalty',
    value: 'X',
    help: 'presence penalty; 0: off',
    set: (into, text) => {
      into.presencePenalty = decimal(text);
    },
  },
  {
    name: 'frequency-penalty',
    value: 'X',
    help: 'frequency penalty; 0: off',
    set: (into, text) => {
      into.frequencyPenalty = decimal(text);
    },
  },
  {
    name: 'seed',
    aliases: ['-s'],
    value: 'N',
    help: 'same seed, same text; -1: random',
    set: (into, text) => {
      into.seed = integer(text) === -1 ? undefined : count(text);
    },
  },
  {
    name: 'logit-bias',
    value: 'ID+BIAS',
    repeatable: true,
    help: 'shift the logit of a token, for example 15+1.5 or 15-100',
    set: (into, text) => {
      const [, id, bias] = /^(\d+)([+-].+)$/.exec(text) ?? [];
      if (id === undefined || bias === undefined)
        throw usage(`"${text}" is not ID+BIAS or ID-BIAS`);
      into.logitBias.push({ tokenId: count(id), bias: decimal(bias) });
    },
  },
  {
    name: 'ignore-eos',
    help: 'never end on an end-of-text token',
    set: into => {
      into.ignoreEos = true;
    },
  },
];
