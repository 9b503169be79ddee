/** Follows a load and shows where the model ended up. Argument: a GGUF path or a URI. */
import { type LoadOptions, OutOfDeviceMemoryError, Outrider } from '@outrider/sdk';

await using client = await Outrider.connect(process.env['OUTRIDER_ADDRESS'] ?? 'localhost:50051');

const source = process.argv[2] ?? 'embedded:target';
const options: LoadOptions = {
  id: 'progress-example',
  ...(/^(hf|https|embedded):/.test(source) ? { uri: source } : { path: source }),
};

try {
  const load = client.models.load(options);
  for await (const { stage, fraction } of load)
    console.log(`${stage ?? 'next stage'} ${(100 * fraction).toFixed(0)} %`);

  const model = await load;
  for (const { device, layers, totalBytes } of model.placement?.usage ?? [])
    console.log(`${model.name}: ${layers} layers, ${totalBytes} bytes on ${device}`);
} catch (error) {
  if (!(error instanceof OutOfDeviceMemoryError)) throw error;
  for (const { device, neededBytes, freeBytes } of error.devices)
    console.error(`${device}: ${neededBytes} bytes needed, ${freeBytes} free`);
}
