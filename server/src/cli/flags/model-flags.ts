import { type LoadModelRequest } from '@outrider/sdk/proto';
import { type FieldFlag, type Flag } from './flag.js';
import { PLACEMENT_FLAGS, SHARED_PLACEMENT_FLAGS } from './placement-flags.js';
import { RUNTIME_FLAGS, SHARED_FLAGS } from './runtime-flags.js';

/** Which model of a pair a flag speaks of. */
export type Side = 'target' | 'draft';

const IDENTITY_FLAGS: Readonly<Record<Side, readonly Flag[]>> = {
  target: [
    {
      name: 'model',
      aliases: ['-m'],
      value: 'SOURCE',
      help: 'target: path of a GGUF file, embedded:target or embedded:draft',
    },
    { name: 'alias', aliases: ['-a'], value: 'ID', help: 'its id; else its file name' },
  ],
  draft: [
    {
      name: 'model-draft',
      aliases: ['-md', '--draft-model', '--draftmodel'],
      value: 'SOURCE',
      help: 'draft: sources as for --model',
    },
    { name: 'alias-draft', aliases: ['-ad'], value: 'ID', help: 'its id; else its file name' },
  ],
};

/** Flags that fill the request of one model of the pair, in the order in which they are applied. */
export const SIDE_FLAGS: Readonly<Record<Side, readonly FieldFlag<LoadModelRequest>[]>> = {
  target: [...PLACEMENT_FLAGS, ...RUNTIME_FLAGS],
  draft: [...PLACEMENT_FLAGS, ...RUNTIME_FLAGS].map(flag => ({
    ...flag,
    name: `${flag.name}-draft`,
    aliases: flag.draftAliases,
    spreading: flag.draftSpreading ?? [],
    help: `draft: ${flag.help}`,
  })),
};

/** Everything that describes a pair of models to load. */
export const MODEL_FLAGS: readonly Flag[] = [
  ...IDENTITY_FLAGS.target,
  ...SIDE_FLAGS.target,
  ...IDENTITY_FLAGS.draft,
  ...SIDE_FLAGS.draft,
  ...SHARED_FLAGS,
  ...SHARED_PLACEMENT_FLAGS,
];
