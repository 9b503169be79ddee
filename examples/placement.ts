/** Loads models as docs/placement.md says for a kind of machine, and tells where every byte went. */
import { Outrider } from '@outrider/sdk';

await using client = await Outrider.connect(process.env['OUTRIDER_ADDRESS'] ?? 'localhost:50051');

const machines = {
  plan,
  oneGpu,
  twoGpus,
  splitOverTwo,
  littleMemory,
  experts,
  cpuOnly,
  otherHosts,
};
const [machine = ''] = process.argv.slice(2);
const found = Object.entries(machines).find(([name]) => name === machine);
if (found === undefined) throw new Error(`give one of ${Object.keys(machines).join(', ')}`);
await found[1]();
await tell();

async function plan(): Promise<void> {
  const placement = { devices: ['CUDA0'], gpuLayers: 'all' } as const;
  const plan = await client.models.plan({
    target: { path: 'big.gguf', placement },
    draft: { path: 'small.gguf', placement },
  });
  for (const { device, neededBytes, freeBytes, fits } of plan.devices) {
    console.log(`${device}: ${neededBytes} of ${freeBytes} bytes, ${fits ? 'fits' : 'too little'}`);
  }
  for (const { description, needed } of plan.concessions) {
    console.log(`${needed ? 'needed' : 'next'}: ${description}`);
  }
  const { suggestion } = plan.target ?? {};
  if (suggestion !== undefined) await client.models.load({ ...suggestion, id: 'big' });
}

async function oneGpu(): Promise<void> {
  const placement = { devices: ['CUDA0'] };
  await client.models.load({ id: 'big', path: 'big.gguf', placement });
  await client.models.load({ id: 'small', path: 'small.gguf', draftFor: 'big', placement });
}

async function twoGpus(): Promise<void> {
  const target = { devices: ['CUDA0'] };
  const draft = { devices: ['CUDA1'] };
  await client.models.load({ id: 'big', path: 'big.gguf', placement: target });
  await client.models.load({ id: 'small', path: 'small.gguf', draftFor: 'big', placement: draft });
}

async function splitOverTwo(): Promise<void> {
  const target = { devices: ['CUDA0', 'CUDA1'], tensorSplit: [3, 1] };
  const draft = { devices: ['CUDA1'] };
  await client.models.load({ id: 'big', path: 'big.gguf', placement: target });
  await client.models.load({ id: 'small', path: 'small.gguf', draftFor: 'big', placement: draft });
}

async function littleMemory(): Promise<void> {
  const target = { devices: ['CUDA0'], gpuLayers: 20 };
  await client.models.load({ id: 'big', path: 'big.gguf', placement: target });
  await client.models.load({
    id: 'small',
    path: 'small.gguf',
    draftFor: 'big',
    placement: { devices: 'none' },
    options: { threads: 2, kvTypeK: 'q8_0', kvTypeV: 'q8_0' },
    onUnavailable: 'best_effort',
  });
}

async function experts(): Promise<void> {
  const target = { devices: ['CUDA0'], cpuMoe: true } as const;
  const draft = { devices: ['CUDA0'] };
  await client.models.load({ id: 'big', path: 'moe.gguf', placement: target });
  await client.models.load({ id: 'small', path: 'small.gguf', draftFor: 'big', placement: draft });
}

async function cpuOnly(): Promise<void> {
  const here = { placement: { devices: 'none' }, options: { threads: 7 } } as const;
  await client.models.load({ id: 'big', path: 'big.gguf', ...here });
  await client.models.load({ id: 'small', path: 'small.gguf', draftFor: 'big', ...here });
}

async function otherHosts(): Promise<void> {
  const placement = { devices: ['RPC0', 'RPC1', 'CUDA0'], tensorSplit: [2, 2, 1] } as const;
  await client.models.load({ id: 'big', path: 'big.gguf', placement });
}

async function tell(): Promise<void> {
  const { placement, warnings, defaultDraft } = await client.models.get('big');
  console.log(`${placement?.gpuLayers} of ${placement?.totalLayers} layers on devices`);
  for (const { device, layers, totalBytes } of placement?.usage ?? []) {
    console.log(`${device}: ${layers} layers, ${totalBytes} bytes`);
  }
  for (const { code, message } of warnings) console.log(`${code}: ${message}`);
  if (defaultDraft?.available === false) console.log(`no draft: ${defaultDraft.offReason}`);
}
