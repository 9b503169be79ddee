import { DevicePlacement, LoadModelRequest, RuntimeOptions } from '@outrider/sdk/proto';
import { DEFAULT_ENGINE } from '../engine/engine-pool.js';
import { canonicalName } from './model-name.js';

/**
 * Paths of the fields in which two loads of one id differ, in proto names; empty when they ask for the same model.
 * `detached` and `replace` do not count: they say how to load, not what.
 */
export function differingFields(a: LoadModelRequest, b: LoadModelRequest): string[] {
  const [left, right] = [flatten(normal(a)), flatten(normal(b))];
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths].filter(path => left.get(path) !== right.get(path)).sort();
}

function normal(request: LoadModelRequest): LoadModelRequest {
  return LoadModelRequest.fromPartial({
    ...request,
    modelId: canonicalName(request.modelId) ?? request.modelId,
    draftFor: canonicalName(request.draftFor) ?? request.draftFor,
    placement: request.placement ?? DevicePlacement.fromPartial({}),
    options: request.options ?? RuntimeOptions.fromPartial({}),
    engine: request.engine || DEFAULT_ENGINE,
    replace: false,
    detached: false,
  });
}

/** Leaves of a message by path. What is unset has none, so that it equals a field that is missing. */
function flatten(value: unknown, path = '', into = new Map<string, unknown>()) {
  if (Array.isArray(value)) {
    value.forEach((item, i) => flatten(item, `${path}[${i}]`, into));
  } else if (isOneof(value)) {
    // Members of a oneof are fields of the message around it.
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('.')));
    flatten(value.value, join(parent, value.$case), into);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) flatten(item, join(path, key), into);
  } else if (value !== undefined) {
    into.set(path, value);
  }
  return into;
}

function join(parent: string, key: string): string {
  const name = key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
  return parent === '' ? name : `${parent}.${name}`;
}

function isOneof(value: unknown): value is { $case: string; value: unknown } {
  return typeof value === 'object' && value !== null && '$case' in value && 'value' in value;
}
