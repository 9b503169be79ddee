import { type DevicePlacement, Role, SplitMode } from '@outrider/sdk/proto';
import { type Selection } from './device-selection.js';
import { type Issues } from './issues.js';

/** Checks what split mode TENSOR cannot do. llama.cpp finds out about most of it by ending the process. */
export function checkTensorParallel(
  { splitMode, kvOffload, tensorOverrides }: DevicePlacement,
  { devices }: Selection,
  role: Role,
  issues: Issues,
): void {
  if (splitMode !== SplitMode.TENSOR) return;
  const conflict = (field: string, description: string) => {
    issues.add({ reason: 'PLACEMENT_CONFLICT', field: `placement.${field}`, description });
  };
  if (role === Role.DRAFT)
    conflict('split_mode', 'TENSOR is for targets; a draft takes LAYER or NONE');
  if (kvOffload === false) {
    conflict('kv_offload', 'split mode TENSOR keeps the cache with the parts of its layers');
  }
  tensorOverrides.forEach(({ device }, i) => {
    if (/^cpu$/i.test(device)) return;
    const description = `split mode TENSOR puts nothing on ${device} alone; only cpu can be named`;
    conflict(`tensor_overrides[${i}].device`, description);
  });
  const soft = devices.find(({ description }) => SOFTWARE_DRIVER.test(description));
  if (soft === undefined) return;
  const cause =
    'its driver computes on the CPU, and TENSOR corrupts the memory of the process there';
  const field = 'placement.split_mode';
  const description = `${soft.name} cannot do TENSOR: ${cause}; use LAYER`;
  const metadata = { device: soft.name, backend: soft.backend, cause };
  issues.add({ reason: 'BACKEND_UNAVAILABLE', field, description, metadata });
}

/** Mesa's: seen to end in corrupted heaps with version 22.3.6, whatever the model and the settings of the backend. */
const SOFTWARE_DRIVER = /\bllvmpipe\b/i;
