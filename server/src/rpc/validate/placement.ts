import { type DevicePlacement, GpuLayersPreset, SplitMode } from '@outrider/sdk/proto';
import { type Issues } from '../../registry/issues.js';

/** Checks what can be checked without knowing the devices. */
export function checkPlacement(placement: DevicePlacement | undefined, issues: Issues): void {
  if (placement === undefined) return;
  placement.devices.forEach((device, i) => {
    if (device === '') issues.invalid(`placement.devices[${i}]`, 'is empty');
  });
  checkLayers(placement, issues);
  if (placement.splitMode === SplitMode.UNRECOGNIZED) {
    issues.invalid('placement.split_mode', 'is not a known mode');
  }
  checkShares(placement.tensorSplit, issues);
  checkOverrides(placement, issues);
}

function checkLayers({ gpuLayers }: DevicePlacement, issues: Issues): void {
  if (gpuLayers === undefined) return;
  const field = 'placement.gpu_layers';
  if (gpuLayers.layers === undefined) issues.invalid(field, 'is empty; give a preset or a count');
  else if (
    gpuLayers.layers.$case === 'preset' &&
    gpuLayers.layers.value === GpuLayersPreset.UNRECOGNIZED
  ) {
    issues.invalid(`${field}.preset`, 'is not a known preset; AUTO and ALL are');
  }
}

function checkOverrides({ tensorOverrides, moeOnCpu }: DevicePlacement, issues: Issues): void {
  tensorOverrides.forEach(({ pattern, device }, i) => {
    const field = `placement.tensor_overrides[${i}]`;
    if (device === '') issues.invalid(`${field}.device`, 'is empty');
    if (pattern === '') issues.invalid(`${field}.pattern`, 'is empty');
    else if (pattern.length > MOST_PATTERN_CHARACTERS) {
      issues.invalid(`${field}.pattern`, `is longer than ${MOST_PATTERN_CHARACTERS} characters`);
    } else if (!isExpression(pattern)) {
      issues.invalid(`${field}.pattern`, `"${pattern}" is no ECMAScript regular expression`);
    }
  });
  if (moeOnCpu?.$case === 'nCpuMoe' && moeOnCpu.value > MOST_LAYERS) {
    const text = `${moeOnCpu.value} is out of range; 0 to ${MOST_LAYERS} is right`;
    issues.invalid('placement.n_cpu_moe', text);
  }
}

const MOST_PATTERN_CHARACTERS = 512;
const MOST_LAYERS = 1_000;

function isExpression(pattern: string): boolean {
  try {
    return new RegExp(pattern) instanceof RegExp;
  } catch {
    return false;
  }
}

function checkShares(shares: readonly number[], issues: Issues): void {
  if (shares.length === 0) return;
  shares.forEach((share, i) => {
    if (Number.isFinite(share) && share >= 0) return;
    issues.invalid(`placement.tensor_split[${i}]`, `${share} is no share; 0 or more is`);
  });
  if (shares.every(share => share === 0)) {
    issues.invalid('placement.tensor_split', 'every share is 0; one at least must be more');
  }
}
