import { type describe } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describeUnless } from './describe-unless.js';

const drivers = '/usr/share/vulkan/icd.d';
const driver = existsSync(drivers)
  ? readdirSync(drivers).find(name => name.startsWith('lvp_'))
  : undefined;

const [describeSuite, title] = describeUnless(
  driver === undefined ? 'no software Vulkan driver here' : undefined,
);

/** What begins a suite that needs Mesa's software Vulkan driver. */
export const describeOnGpus: typeof describe.skip = describeSuite;

/** Ends the title of a test that needs the driver: says why it is skipped. */
export const gpuTitle = title;

/**
 * Environment of a server or engine that is to see `Vulkan0` and `Vulkan1`: the software device, listed twice. Others see the
 * CPU alone, because the backend passes over devices of type CPU unless they are named.
 */
export const twoVulkanDevices: Readonly<Record<string, string>> = {
  GGML_VK_VISIBLE_DEVICES: '0,0',
  // With fusion, a batch of several rows after one of a single row crashes in the driver.
  GGML_VK_DISABLE_FUSION: '1',
  // A machine's own GPU would be device 0.
  VK_ICD_FILENAMES: path.join(drivers, driver ?? ''),
};

/** Runs something with these variables in the environment that children inherit, then restores what was there. */
export async function withEnvironment<Value>(
  variables: Readonly<Record<string, string>>,
  run: () => Promise<Value>,
): Promise<Value> {
  const before = Object.keys(variables).map(name => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  try {
    return await run();
  } finally {
    for (const [name, value] of before)
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
  }
}
