import { type DevicePlacement, GpuLayersPreset, SplitMode } from '@outrider/sdk/proto';
import { notSupported } from '../../coded-error.js';
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
}

/** @throws CodedError NOT_SUPPORTED for settings that are not acted on yet */
export function refusePlacement(placement: DevicePlacement | undefined): void {
  if (placement === undefined) return;
  if (placement.tensorOverrides.length > 0) {
    throw notSupported('placement.tensor_overrides', 'place whole layers with gpu_layers');
  }
  if (placement.moeOnCpu !== undefined) {
    const member = placement.moeOnCpu.$case === 'cpuMoe' ? 'cpu_moe' : 'n_cpu_moe';
    throw notSupported(`placement.${member}`, 'place whole layers with gpu_layers');
  }
  if (placement.memoryMarginBytes !== undefined) {
    throw notSupported('placement.memory_margin_bytes', 'leave it unset');
  }
  if (placement.allowFallback) {
    throw notSupported('placement.allow_fallback', 'ask for devices "none" to stay on the CPU');
  }
  if (placement.splitMode === SplitMode.ROW || placement.splitMode === SplitMode.TENSOR) {
    throw notSupported('placement.split_mode', 'use LAYER or NONE');
  }
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
