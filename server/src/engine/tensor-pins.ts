import { CodedError } from '../coded-error.js';
import { type ModelTensor } from './model-file.js';
import { type ResolvedOverride } from './protocol.js';

/** Tensors that go to one device, whatever their layer. */
export interface TensorPin {
  readonly names: readonly string[];
  /** `cpu` or a device's name. */
  readonly device: string;
}

/**
 * Finds the tensors that overrides mean; the first match wins, so no name comes twice.
 * @throws CodedError OVERRIDE_UNMATCHED for a pattern that matches no tensor of the file
 */
export function pinTensors(
  overrides: readonly ResolvedOverride[],
  tensors: readonly ModelTensor[],
): TensorPin[] {
  const taken = new Set<string>();
  return overrides.map(({ pattern, device, field }) => {
    const expression = new RegExp(pattern);
    const matching = tensors.filter(({ name }) => expression.test(name));
    if (matching.length === 0) {
      const description = `"${pattern}" matches no tensor of the model`;
      throw new CodedError('OVERRIDE_UNMATCHED', `${field}: ${description}`, {
        metadata: { pattern },
        violations: [{ field, description }],
      });
    }
    const names = matching.map(({ name }) => name).filter(name => !taken.has(name));
    for (const name of names) taken.add(name);
    return { names, device };
  });
}
