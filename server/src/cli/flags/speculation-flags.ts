import {
  DraftSource,
  Overlap,
  SpeculationMode,
  type SpeculationParams,
  UnavailablePolicy,
} from '@outrider/sdk/proto';
import { usage } from '../failure.js';
import { type FieldFlag } from './flag.js';
import { choice, count, decimal, list } from './values.js';

const overlap = choice({ auto: Overlap.AUTO, off: Overlap.OFF, on: Overlap.ON });
const draftSource = choice({
  'draft-model': DraftSource.DRAFT_MODEL,
  ngram: DraftSource.NGRAM,
});

/** Flags of `SpeculationParams`. `draft-max` must know the mode, so `speculation` is applied before it. */
export const SPECULATION_FLAGS: readonly FieldFlag<SpeculationParams>[] = [
  {
    name: 'speculation',
    value: 'MODE',
    help: 'auto (as many tokens as pay), off, or a number: always draft so many',
    set: (into, text) => {
      setMode(into, text);
    },
  },
  {
    name: 'draft-max',
    aliases: ['--draft', '--spec-draft-n-max', '--draftamount'],
    value: 'N',
    help: 'most drafted tokens per step (16)',
    set: (into, text) => {
      if (into.mode === SpeculationMode.FIXED) {
        throw usage(
          '--speculation already fixes the number of drafted tokens; give one of the two',
        );
      }
      into.maxDraftTokens = count(text);
    },
  },
  {
    name: 'draft-min',
    aliases: ['--spec-draft-n-min'],
    value: 'N',
    help: 'discard shorter drafts',
    set: (into, text) => {
      into.minDraftTokens = count(text);
    },
  },
  {
    name: 'draft-p-min',
    aliases: ['--spec-draft-p-min'],
    value: 'P',
    help: 'stop drafting where the draft is less sure',
    set: (into, text) => {
      into.minDraftProbability = decimal(text);
    },
  },
  {
    name: 'draft-source',
    value: 'SOURCES',
    help: 'allowed sources of drafts, between commas: draft-model, ngram (both)',
    set: (into, text) => {
      into.sources = list(text).map(draftSource);
    },
  },
  {
    name: 'overlap',
    value: 'MODE',
    help: 'draft while the target verifies: auto (if they share no device), off, on',
    set: (into, text) => {
      into.overlap = overlap(text);
    },
  },
  {
    name: 'require-speculation',
    help: 'fail rather than go on without the draft',
    set: into => {
      into.onUnavailable = UnavailablePolicy.REQUIRE;
    },
  },
];

function setMode(into: SpeculationParams, text: string): void {
  switch (text.toLowerCase()) {
    case 'auto':
      into.mode = SpeculationMode.AUTO;
      return;
    case 'off':
      into.mode = SpeculationMode.OFF;
      return;
    default:
      if (!/^\d+$/.test(text)) throw usage(`"${text}" is neither auto nor off nor a number`);
      into.mode = SpeculationMode.FIXED;
      into.maxDraftTokens = count(text);
  }
}
