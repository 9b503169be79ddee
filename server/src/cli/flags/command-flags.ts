import { type Flag } from './flag.js';

/** Flags of `outrider run` beside those of models, request and client. */
export const RUN_FLAGS: readonly Flag[] = [
  { name: 'color', value: 'WHEN', help: 'colour accepted drafted tokens: auto, always, never' },
];

/** Flags of `outrider load` beside those of the models. */
export const LOAD_FLAGS: readonly Flag[] = [
  { name: 'role', value: 'ROLE', help: 'target or draft; chooses the default placement' },
  { name: 'draft-for', value: 'NAME', help: 'become the default draft of this loaded model' },
  { name: 'replace', help: 'take the place of a model with the same id, without a gap' },
  { name: 'best-effort', help: 'a draft that does not fit or has no backend is no failure' },
  { name: 'detach-load', help: 'go on loading when this command is interrupted' },
];

/** Flags of `outrider plan` beside those of the models. */
export const PLAN_FLAGS: readonly Flag[] = [
  {
    name: 'policy',
    value: 'POLICY',
    help: 'what to give up first: draft-first (unless given), context-first',
  },
];

/** Flags of `outrider unload`. */
export const UNLOAD_FLAGS: readonly Flag[] = [
  { name: 'drain', value: 'MS', help: 'take nothing new and wait so long for its streams' },
  { name: 'force', help: 'then end the streams that are left' },
  { name: 'detach', help: 'streams that only draft with it go on without it' },
];

/** Flags of `outrider top`. */
export const TOP_FLAGS: readonly Flag[] = [
  { name: 'once', help: 'one frame, with the rates of one interval' },
  { name: 'interval', value: 'MS', help: 'time between two frames, 100 or more (1000)' },
];

/** Flag of `outrider devices`. */
export const WATCH_FLAG: Flag = { name: 'watch', help: 'report again at every change' };
