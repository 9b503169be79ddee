import {
  DevicePlacement,
  GpuLayersPreset,
  type GpuLayers,
  type LoadModelRequest,
  SplitMode,
} from '@outrider/sdk/proto';
import { usage } from '../failure.js';
import { type PairedFlag } from './flag.js';
import { choice, count, decimals, list } from './values.js';

const splitMode = choice({ none: SplitMode.NONE, layer: SplitMode.LAYER });

/** Flags of `LoadModelRequest.placement`. `main-gpu` reads the device list, so `device` is applied before it. */
export const PLACEMENT_FLAGS: readonly PairedFlag<LoadModelRequest>[] = [
  {
    name: 'device',
    aliases: ['-dev'],
    draftAliases: ['-devd'],
    value: 'NAMES',
    help: 'devices in order (CUDA0,CUDA1), or auto, none, cpu',
    set: (request, text) => {
      placementOf(request).devices = list(text);
    },
  },
  {
    name: 'gpu-layers',
    aliases: ['-ngl', '--n-gpu-layers', '--gpulayers'],
    draftAliases: ['-ngld', '--n-gpu-layers-draft', '--draftgpulayers'],
    value: 'N',
    help: 'layers on the devices: a number, auto (or -1), all',
    set: (request, text) => {
      placementOf(request).gpuLayers = gpuLayers(text);
    },
  },
  {
    name: 'tensor-split',
    aliases: ['-ts', '--tensor_split'],
    draftAliases: ['-tsd', '--draftgpusplit'],
    spreading: ['--tensor_split'],
    draftSpreading: ['--draftgpusplit'],
    value: 'SHARES',
    help: 'share of each device, for example 3,1',
    set: (request, text) => {
      placementOf(request).tensorSplit = decimals(text);
    },
  },
  {
    name: 'split-mode',
    aliases: ['-sm'],
    draftAliases: ['-smd'],
    value: 'MODE',
    help: 'how devices share the model: none, layer',
    set: (request, text) => {
      placementOf(request).splitMode = splitMode(text);
    },
  },
  {
    name: 'main-gpu',
    aliases: ['-mg'],
    draftAliases: ['-mgd'],
    value: 'DEVICE',
    help: 'device for all of it under split mode none: name, or index into the device list',
    set: (request, text) => {
      const placement = placementOf(request);
      placement.mainDevice = mainDevice(text, placement.devices);
    },
  },
  {
    name: 'no-kv-offload',
    aliases: ['-nkvo'],
    draftAliases: ['-nkvod'],
    help: 'keep the KV cache in host memory',
    set: request => {
      placementOf(request).kvOffload = false;
    },
  },
];

/** The placement of a request, made when it has none. */
export function placementOf(request: LoadModelRequest): DevicePlacement {
  request.placement ??= DevicePlacement.fromPartial({});
  return request.placement;
}

function gpuLayers(text: string): GpuLayers {
  switch (text.toLowerCase()) {
    case 'auto':
    case '-1':
      return { layers: { $case: 'preset', value: GpuLayersPreset.AUTO } };
    case 'all':
      return { layers: { $case: 'preset', value: GpuLayersPreset.ALL } };
    default:
      if (!/^\d+$/.test(text)) throw usage(`"${text}" is neither a number nor auto nor all`);
      return { layers: { $case: 'count', value: count(text) } };
  }
}

function mainDevice(text: string, devices: readonly string[]): string {
  if (!/^\d+$/.test(text)) return text;
  const name = devices[Number(text)];
  if (name === undefined) {
    throw usage(`index ${text} is not in the device list (${devices.join(', ') || 'empty'})`);
  }
  if (['auto', 'none', 'cpu'].includes(name.toLowerCase())) {
    throw usage(`index ${text} needs a list of device names, not "${name}"`);
  }
  return name;
}
