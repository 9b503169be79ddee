import {
  type BackendInfo,
  type DeviceInfo,
  type DevicePlacement,
  DeviceType,
  GpuLayersPreset,
  Role,
} from '@outrider/sdk/proto';
import { type EngineInventory, type LibraryVariant } from '../engine/protocol.js';
import { type Issues } from './issues.js';

/** Which devices a model gets, before layers and splits are looked at. */
export interface Selection {
  /** In order; empty: the CPU. */
  readonly devices: readonly DeviceInfo[];
  /** Asked for by name: `none`, `cpu`. */
  readonly none: boolean;
}

/** How many layers a request asks for. Count 0 is `nothing`. */
export type LayerWish = 'unset' | 'nothing' | 'auto' | 'all' | number;

/** Reads `gpu_layers`. */
export function layerWish(placement: DevicePlacement | undefined): LayerWish {
  const layers = placement?.gpuLayers?.layers;
  if (layers === undefined) return 'unset';
  if (layers.$case === 'preset') return layers.value === GpuLayersPreset.ALL ? 'all' : 'auto';
  return layers.value === 0 ? 'nothing' : layers.value;
}

/** Applies the table of the contract: by role, `auto`, `none` or a list. Faults go to `issues`. */
export function selectDevices(
  placement: DevicePlacement | undefined,
  role: Role,
  inventory: EngineInventory,
  issues: Issues,
): Selection {
  const names = placement?.devices ?? [];
  if (names.length === 0) {
    const wish = layerWish(placement);
    const stays = role === Role.DRAFT && (wish === 'unset' || wish === 'nothing');
    return { devices: stays ? [] : everyGpu(inventory), none: false };
  }
  const [only] = names;
  if (names.length === 1 && only !== undefined) {
    const word = only.toLowerCase();
    if (word === 'auto') return { devices: everyGpu(inventory), none: false };
    if (word === 'none' || word === 'cpu') return { devices: [], none: true };
  }
  return { devices: namedDevices(names, inventory, issues), none: false };
}

/** Device of that name, compared without case; accelerators and the CPU cannot be chosen. */
export function findDevice(name: string, inventory: EngineInventory): DeviceInfo | undefined {
  return selectable(inventory).find(device => device.name.toLowerCase() === name.toLowerCase());
}

/** The libraries that devices of these names need; undefined where any will do. */
export function variantFor(names: readonly string[]): LibraryVariant | undefined {
  const found = names.map(name => VARIANTS.find(([prefix]) => startsWith(name, prefix)));
  return found.find(each => each !== undefined)?.[1];
}

/** Adds the right fault for a name that no device has. */
export function addUnknownDevice(
  field: string,
  name: string,
  inventory: EngineInventory,
  issues: Issues,
): void {
  const backend = missingBackend(name, inventory.backends);
  const valid = ['cpu', ...selectable(inventory).map(device => device.name)].join(',');
  if (backend === undefined) {
    const description = `there is no device "${name}"; there are ${valid}`;
    issues.add({ reason: 'UNKNOWN_DEVICE', field, description, metadata: { device: name, valid } });
    return;
  }
  const description = `the ${backend.name} backend of "${name}" is not usable: ${backend.cause}`;
  const metadata = { device: name, backend: backend.name, cause: backend.cause };
  issues.add({ reason: 'BACKEND_UNAVAILABLE', field, description, metadata });
}

function everyGpu(inventory: EngineInventory): DeviceInfo[] {
  const ofType = (type: DeviceType) => inventory.devices.filter(device => device.type === type);
  const own = ofType(DeviceType.GPU);
  const gpus = own.length > 0 ? own : ofType(DeviceType.INTEGRATED_GPU);
  return gpus.filter((device, i) => !gpus.slice(0, i).some(other => sameCard(device, other)));
}

function namedDevices(
  names: readonly string[],
  inventory: EngineInventory,
  issues: Issues,
): DeviceInfo[] {
  const chosen: DeviceInfo[] = [];
  names.forEach((name, i) => {
    const field = `placement.devices[${i}]`;
    if (SPECIAL.has(name.toLowerCase())) {
      const description = `"${name}" must stand alone`;
      issues.add({ reason: 'PLACEMENT_CONFLICT', field, description });
      return;
    }
    const same = (other: string): boolean => other.toLowerCase() === name.toLowerCase();
    if (names.slice(0, i).some(same)) {
      issues.add({ reason: 'PLACEMENT_CONFLICT', field, description: `${name} is listed twice` });
      return;
    }
    const device = findDevice(name, inventory);
    if (device === undefined) {
      addUnknownDevice(field, name, inventory, issues);
      return;
    }
    const twin = chosen.find(other => sameCard(other, device));
    if (twin !== undefined) {
      const description = `${device.name} and ${twin.name} are one card`;
      issues.add({ reason: 'PLACEMENT_CONFLICT', field, description });
      return;
    }
    chosen.push(device);
  });
  return chosen;
}

const SPECIAL = new Set(['auto', 'none', 'cpu']);

const SELECTABLE = new Set<DeviceType>([
  DeviceType.GPU,
  DeviceType.INTEGRATED_GPU,
  DeviceType.REMOTE,
]);

/** Device name prefix of each known backend. */
const PREFIXES = ['CUDA', 'ROCm', 'Vulkan', 'MTL', 'SYCL', 'OpenCL', 'CANN', 'MUSA', 'RPC'];

const VARIANTS: readonly (readonly [prefix: string, variant: LibraryVariant])[] = [
  ['CUDA', 'cuda'],
  ['Vulkan', 'vulkan'],
  ['MTL', 'metal'],
];

function startsWith(name: string, prefix: string): boolean {
  return name.toLowerCase().startsWith(prefix.toLowerCase());
}

function selectable(inventory: EngineInventory): DeviceInfo[] {
  return inventory.devices.filter(device => SELECTABLE.has(device.type));
}

function sameCard(a: DeviceInfo, b: DeviceInfo): boolean {
  return a.hardwareId !== '' && a.hardwareId === b.hardwareId;
}

function missingBackend(
  name: string,
  backends: readonly BackendInfo[],
): { name: string; cause: string } | undefined {
  const prefix = PREFIXES.find(each => startsWith(name, each));
  if (prefix === undefined) return undefined;
  if (prefix === 'RPC') return missingWorker(backends);
  const aliases = prefix === 'MTL' ? ['mtl', 'metal'] : [prefix.toLowerCase()];
  const backend = backends.find(each => aliases.includes(each.name.toLowerCase()));
  if (backend?.usable === true) return undefined;
  const cause = backend === undefined ? 'not installed' : backend.reason || 'not usable';
  return { name: backend?.name ?? prefix, cause };
}

/** Workers that cannot be used are listed each by itself, as `RPC[host:port]`. */
function missingWorker(
  backends: readonly BackendInfo[],
): { name: string; cause: string } | undefined {
  const lacking = backends.filter(({ name, usable }) => /^RPC\[/.test(name) && !usable);
  const told = lacking.map(({ name, reason }) => `${name}: ${reason}`);
  if (told.length > 0) return { name: 'RPC', cause: told.join('; ') };
  const backend = backends.find(({ name }) => name === 'RPC');
  if (backend?.usable === true) return undefined;
  return { name: 'RPC', cause: backend?.reason ?? NO_RPC };
}

const NO_RPC =
  'the libraries have no RPC backend; --llama-dir with a build that has GGML_RPC=ON does';
