import { SplitMode } from '@outrider/sdk/proto';
import { type ResolvedPlacement } from './protocol.js';

/** Whether a device or a buffer type of the log stands for all devices that share a model by TENSOR. */
export function isShared(name: string): boolean {
  // llama.cpp calls it `Meta()`, with or without the names of its devices.
  return name.startsWith('Meta(');
}

// As llama.cpp's own table of how tensors are split; each device has a copy of what it does not name.
const splitWeights =
  /^blk\.\d+\.(attn_(q|k|v|qkv|gate|output)|ffn_(up|gate|gate_up|down)(_exps|_shexp)?)\.|^output\./;

/**
 * Part of a tensor, or of a cache, that the device with the largest share holds; 1 for what is not shared by TENSOR.
 * @param device as the log calls it
 * @param tensor unset: a cache
 */
export function largestShare(
  { splitMode, devices, tensorSplit }: ResolvedPlacement,
  device: string,
  tensor?: string,
): number {
  if (splitMode !== SplitMode.TENSOR || !isShared(device)) return 1;
  if (tensor !== undefined && !splitWeights.test(tensor)) return 1;
  // Without shares llama.cpp splits evenly here, not by free memory.
  if (tensorSplit.length === 0) return 1 / devices.length;
  return Math.max(...tensorSplit) / tensorSplit.reduce((sum, share) => sum + share, 0);
}
