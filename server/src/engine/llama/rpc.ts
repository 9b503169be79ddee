import koffi from 'koffi';
import { type LlamaFunctions } from './functions.js';
import { type Pointer } from './structs.js';

/** Name of the backend of remote devices; the registry of one worker is called `RPC[host:port]`. */
export const RPC = 'RPC';

/** Whether the libraries can use remote devices. */
export function hasRpc(llama: LlamaFunctions): boolean {
  return llama.ggml_backend_reg_by_name(RPC) !== null;
}

/**
 * Adds the devices of a worker. Blocks until it has answered, and ends the process if it does not: greet it first. To be
 * called in one thread only, while no other one walks the list of devices.
 * @returns names of its devices; empty if it has none
 */
export function addWorker(llama: LlamaFunctions, endpoint: string): string[] {
  const before = Number(llama.ggml_backend_dev_count());
  const add = llama.ggml_backend_reg_get_proc_address(
    llama.ggml_backend_reg_by_name(RPC),
    'ggml_backend_rpc_add_server',
  );
  if (add === null) throw new Error('the RPC backend cannot add workers');
  const registry = koffi.call(add, koffi.proto('void *', ['const char *']), endpoint) as Pointer;
  if (registry === null) return [];
  llama.ggml_backend_register(registry);
  const names: string[] = [];
  for (let i = before; i < Number(llama.ggml_backend_dev_count()); i++) {
    const device = llama.ggml_backend_dev_get(i);
    names.push(llama.ggml_backend_dev_name(device));
    // The first time it asks the worker; from then on the name is known without it.
    llama.ggml_backend_dev_buffer_type(device);
  }
  return names;
}
