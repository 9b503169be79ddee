import {
  type DeviceInfo,
  type DevicePlacement,
  type Role,
  SplitMode,
  type Warning,
} from '@outrider/sdk/proto';
import { type EngineInventory, type ResolvedPlacement } from '../engine/protocol.js';
import {
  addUnknownDevice,
  findDevice,
  layerWish,
  type Selection,
  selectDevices,
} from './device-selection.js';
import { Issues } from './issues.js';
import { resolveOverrides } from './tensor-overrides.js';
import { checkTensorParallel } from './tensor-parallel.js';

/** A placement that an engine can carry out, and what deserves a look about it. */
export interface Resolution {
  readonly placement: ResolvedPlacement;
  /** As many layers as fit, instead of the placement's all. */
  readonly auto: boolean;
  /** To be left free on each device. */
  readonly marginBytes: number;
  readonly warnings: readonly Warning[];
}

/**
 * Decides where a model goes, but for automatic layer counts, which need an estimate.
 * @throws CodedError UNKNOWN_DEVICE, PLACEMENT_CONFLICT, TENSOR_SPLIT_LENGTH, BACKEND_UNAVAILABLE
 */
export function resolvePlacement(
  requested: DevicePlacement | undefined,
  role: Role,
  inventory: EngineInventory,
): Resolution {
  const issues = new Issues();
  const selection = selectDevices(requested, role, inventory, issues);
  const marginBytes = requested?.memoryMarginBytes ?? DEFAULT_MARGIN_BYTES;
  if (requested?.allowFallback === true && issues.onlyStates) {
    return { ...onHost(requested, issues.summary), marginBytes };
  }
  if (requested !== undefined && issues.none) {
    checkTogether(requested, selection, issues);
    checkTensorParallel(requested, selection, role, issues);
  }
  const main = mainDevice(requested, selection, inventory, issues);

  const wish = layerWish(requested);
  const splitMode = splitModeOf(requested);
  const onCpu = wish === 'nothing' || selection.devices.length === 0;
  const devices = splitMode === SplitMode.NONE && main !== undefined ? [main] : selection.devices;
  const overrides = resolveOverrides(requested, onCpu ? [] : devices, inventory, issues);
  issues.throwIfAny();
  const placement: ResolvedPlacement = {
    devices: onCpu ? [] : devices.map(device => device.name),
    gpuLayers: onCpu ? 0 : typeof wish === 'number' ? wish : -1,
    splitMode,
    mainDevice: onCpu ? '' : (main?.name ?? ''),
    tensorSplit: onCpu ? [] : (requested?.tensorSplit ?? []),
    kvOffload: requested?.kvOffload ?? true,
    tensorOverrides: overrides,
  };
  const auto = !onCpu && (wish === 'unset' || wish === 'auto');
  return { placement, auto, marginBytes, warnings: onCpu ? [] : devices.flatMap(unknownMemory) };
}

/** The same placement without its devices. */
export function withoutDevices(placement: ResolvedPlacement): ResolvedPlacement {
  return {
    ...placement,
    devices: [],
    gpuLayers: 0,
    mainDevice: '',
    tensorSplit: [],
    tensorOverrides: placement.tensorOverrides.filter(({ device }) => device === 'cpu'),
  };
}

const DEFAULT_MARGIN_BYTES = 2 ** 29;

/** Everything on the CPU, because a device that was asked for cannot be used. */
function onHost(
  requested: DevicePlacement,
  cause: string,
): Pick<Resolution, 'placement' | 'auto' | 'warnings'> {
  const placement: ResolvedPlacement = {
    devices: [],
    gpuLayers: 0,
    splitMode: SplitMode.LAYER,
    mainDevice: '',
    tensorSplit: [],
    kvOffload: requested.kvOffload ?? true,
    tensorOverrides: [],
  };
  const message = `the model stays on the CPU: ${cause}`;
  const warnings = [{ code: 'FELL_BACK_TO_CPU', message, field: 'placement.devices' }];
  return { placement, auto: false, warnings };
}

function splitModeOf(requested: DevicePlacement | undefined): SplitMode {
  const mode = requested?.splitMode ?? SplitMode.UNSPECIFIED;
  return mode === SplitMode.UNSPECIFIED ? SplitMode.LAYER : mode;
}

function checkTogether(requested: DevicePlacement, selection: Selection, issues: Issues): void {
  const conflict = (field: string, description: string) => {
    issues.add({ reason: 'PLACEMENT_CONFLICT', field: `placement.${field}`, description });
  };
  const wish = layerWish(requested);
  const mode = splitModeOf(requested);
  const count = selection.devices.length;
  const splits = requested.tensorSplit.length > 0;

  if (selection.none) {
    if (wish === 'all' || typeof wish === 'number') {
      conflict('gpu_layers', 'layers are asked for, but devices says none');
    }
    if (splits) conflict('tensor_split', 'there is no device to share between');
    if (requested.splitMode !== SplitMode.UNSPECIFIED) {
      conflict('split_mode', 'there is no device to split over');
    }
    return;
  }
  if (splits && wish === 'nothing') {
    conflict('tensor_split', 'gpu_layers 0 leaves nothing to share');
  } else if (splits && mode === SplitMode.NONE) {
    conflict('tensor_split', 'split mode NONE shares nothing');
  } else if (splits && requested.tensorSplit.length !== count) {
    const [expected, got] = [String(count), String(requested.tensorSplit.length)];
    const description = `${got} shares are given for ${expected} devices`;
    const field = 'placement.tensor_split';
    issues.add({ reason: 'TENSOR_SPLIT_LENGTH', field, description, metadata: { expected, got } });
  }
  if ((mode === SplitMode.ROW || mode === SplitMode.TENSOR) && count < 2) {
    conflict('split_mode', `two devices at least are needed, ${count} is chosen`);
  }
  checkRows(requested, selection, issues);
  const sharedByMemory = mode !== SplitMode.NONE && count > 1 && !splits && wish !== 'nothing';
  const silent = selection.devices.find(device => !device.memoryKnown);
  if (sharedByMemory && silent !== undefined) {
    conflict('tensor_split', `shares must be given, because ${silent.name} reports no memory`);
  }
}

/** Only some backends provide buffers that are split by rows; the others throw where nobody can catch it. */
function checkRows({ splitMode }: DevicePlacement, { devices }: Selection, issues: Issues): void {
  const without = devices.find(device => !ROW_BACKENDS.has(device.backend));
  if (splitMode !== SplitMode.ROW || devices.length < 2 || without === undefined) return;
  const cause = 'it has no buffers that are split by rows';
  const field = 'placement.split_mode';
  const description = `the ${without.backend} backend of ${without.name} cannot do ROW: ${cause}; use LAYER`;
  const metadata = { device: without.name, backend: without.backend, cause };
  issues.add({ reason: 'BACKEND_UNAVAILABLE', field, description, metadata });
}

const ROW_BACKENDS = new Set(['SYCL', 'HTP']);

/** The device that `main_device` names, or the first; undefined on the CPU. */
function mainDevice(
  requested: DevicePlacement | undefined,
  selection: Selection,
  inventory: EngineInventory,
  issues: Issues,
): DeviceInfo | undefined {
  const name = requested?.mainDevice ?? '';
  if (name === '') return selection.devices[0];
  const field = 'placement.main_device';
  const conflict = (description: string) => {
    issues.add({ reason: 'PLACEMENT_CONFLICT', field, description });
  };
  const device = findDevice(name, inventory);
  if (selection.none) conflict('devices says none, so there is no main device');
  else if (device === undefined && name.toLowerCase() !== 'cpu') {
    addUnknownDevice(field, name, inventory, issues);
  } else if (device === undefined || !selection.devices.includes(device)) {
    conflict(`${name} is not one of the chosen devices`);
  } else if (layerWish(requested) === 'nothing') {
    conflict('gpu_layers 0 leaves nothing for a main device');
  } else if (WITHOUT_MAIN.has(splitModeOf(requested)) && selection.devices.length > 1) {
    conflict('split modes LAYER and TENSOR have no main device; use NONE or ROW');
  }
  return device;
}

const WITHOUT_MAIN = new Set<SplitMode>([SplitMode.LAYER, SplitMode.TENSOR]);

function unknownMemory(device: DeviceInfo): Warning[] {
  if (device.memoryKnown) return [];
  const message = `${device.name} reports no memory, so it was not checked`;
  return [{ code: 'DEVICE_MEMORY_UNKNOWN', message, field: 'placement.devices' }];
}
