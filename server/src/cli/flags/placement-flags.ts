import {
  DevicePlacement,
  GpuLayersPreset,
  type GpuLayers,
  type LoadModelRequest,
  SplitMode,
} from '@outrider/sdk/proto';
import { usage } from '../failure.js';
import { type FieldFlag, type PairedFlag } from './flag.js';
import { choice, count, decimals, list } from './values.js';

const splitMode = choice({
  none: SplitMode.NONE,
  layer: SplitMode.LAYER,
  row: SplitMode.ROW,
  tensor: SplitMode.TENSOR,
});

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
    help: 'how devices share the model: none, layer, row, tensor',
    set: (request, text) => {
      placementOf(request).splitMode = splitMode(text);
    },
  },
  {
    name: 'main-gpu',
    aliases: ['-mg'],
    draftAliases: ['-mgd'],
    value: 'DEVICE',
    help: 'device for all of it (none) or for the unsplit part (row): name, or index into the device list',
    set: (request, text) => {
      const placement = placementOf(request);
      placement.mainDevice = mainDevice(text, placement.devices);
    },
  },
  {
    name: 'override-tensor',
    aliases: ['-ot'],
    draftAliases: ['-otd'],
    value: 'PATTERN=DEVICE',
    repeatable: true,
    help: 'pin tensors to a device or cpu: pairs between commas, first match wins',
    set: (request, text) => {
      placementOf(request).tensorOverrides.push(...overrides(text));
    },
  },
  {
    name: 'cpu-moe',
    aliases: ['-cmoe'],
    draftAliases: ['-cmoed'],
    help: 'keep the experts of every layer in host memory',
    set: request => {
      placementOf(request).moeOnCpu = { $case: 'cpuMoe', value: true };
    },
  },
  {
    name: 'n-cpu-moe',
    aliases: ['-ncmoe'],
    draftAliases: ['-ncmoed'],
    value: 'N',
    help: 'keep the experts of the first N layers in host memory',
    set: (request, text) => {
      const placement = placementOf(request);
      if (placement.moeOnCpu?.$case === 'cpuMoe') throw usage('excluded by --cpu-moe');
      placement.moeOnCpu = { $case: 'nCpuMoe', value: count(text) };
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

/** Flags of `LoadModelRequest.placement` that both models of a pair take. */
export const SHARED_PLACEMENT_FLAGS: readonly FieldFlag<LoadModelRequest>[] = [
  {
    name: 'fit-target',
    aliases: ['-fitt'],
    value: 'MIB',
    help: 'MiB to leave free on each device, both models',
    set: (request, text) => {
      placementOf(request).memoryMarginBytes = count(text) * 2 ** 20;
    },
  },
  {
    name: 'allow-fallback',
    help: 'stay on the CPU where the backend of a named device cannot be used, both models',
    set: request => {
      placementOf(request).allowFallback = true;
    },
  },
];

/** The placement of a request, made when it has none. */
export function placementOf(request: LoadModelRequest): DevicePlacement {
  request.placement ??= DevicePlacement.fromPartial({});
  return request.placement;
}

function overrides(text: string): { pattern: string; device: string }[] {
  return list(text).map(pair => {
    const at = pair.lastIndexOf('=');
    if (at < 1 || at === pair.length - 1) throw usage(`"${pair}" is not PATTERN=DEVICE`);
    return { pattern: pair.slice(0, at), device: pair.slice(at + 1) };
  });
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
