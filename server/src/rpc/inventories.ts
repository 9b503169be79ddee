import { CodedError } from '../coded-error.js';
import { type Engine } from '../engine/engine.js';
import { DEFAULT_ENGINE, type EnginePool } from '../engine/engine-pool.js';
import { type EngineInventory } from '../engine/protocol.js';

/**
 * What there is to place models on: what the default engine sees, and what engines with other libraries see beside that.
 * @throws CodedError ENGINE_RESTARTED while the default engine is away; SERVER_DRAINING
 */
export async function readInventories(engines: EnginePool): Promise<EngineInventory> {
  const first = engines.find(DEFAULT_ENGINE);
  if (first === undefined) throw new CodedError('SERVER_DRAINING', 'the server is shutting down');
  const others = engines.all.filter(({ engine }) => libraryOf(engine) !== libraryOf(first));
  const readings = [
    await first.inventory(),
    ...(await Promise.all(others.map(({ engine }) => readIfThere(engine)))),
  ];
  return readings.reduce(join);
}

function libraryOf(engine: Engine): string | undefined {
  return engine.status().library?.directory;
}

async function readIfThere(engine: Engine): Promise<EngineInventory> {
  try {
    return await engine.inventory();
  } catch (error) {
    if (CodedError.from(error).reason !== 'ENGINE_RESTARTED') throw error;
    return { devices: [], backends: [] };
  }
}

/** A device or a usable backend counts once, by its name. */
function join(one: EngineInventory, other: EngineInventory): EngineInventory {
  const known = new Set(one.devices.map(({ name }) => name));
  const added = other.backends.filter(({ usable }) => usable);
  const isAdded = (name: string): boolean => added.some(backend => backend.name === name);
  return {
    devices: [...one.devices, ...other.devices.filter(({ name }) => !known.has(name))],
    backends: [...one.backends.filter(({ name }) => !isAdded(name)), ...added],
  };
}
