import { SplitMode } from '@outrider/sdk/proto';
import { type ResolvedPlacement } from '../../server/dist/engine/protocol.js';

/** Everything on the CPU. */
export const ON_CPU: ResolvedPlacement = {
  devices: [],
  gpuLayers: 0,
  splitMode: SplitMode.LAYER,
  mainDevice: '',
  tensorSplit: [],
  kvOffload: true,
  tensorOverrides: [],
};
