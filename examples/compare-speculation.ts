/** Generates the same text with and without speculation: equal words, different speed. */
import { type GenerationResult, Outrider } from '@outrider/sdk';

await using client = await Outrider.connect(process.env['OUTRIDER_ADDRESS'] ?? 'localhost:50051');

await client.models.load({ id: 'target', uri: 'embedded:target' });
await client.models.load({
  id: 'draft',
  uri: 'embedded:draft',
  draftFor: 'target',
  placement: { devices: 'none' },
});

const request = {
  model: 'target',
  prompt: 'Once upon a time',
  maxTokens: 150,
  seed: 7,
  // Each of the three reads the whole prompt.
  cachePrompt: false,
};

const plain = await client.generate({ ...request, speculation: 'off' });
const fixed = await client.generate({ ...request, speculation: 4 });
const automatic = await client.generate({ ...request, speculation: 'auto' });

report('plain', plain);
report('four tokens ahead', fixed);
report('automatic', automatic);
const same = plain.text === fixed.text && plain.text === automatic.text;
console.log(same ? 'all three texts are equal' : 'the texts differ');
process.exitCode = same ? 0 : 1;

function report(name: string, { timings, speculation }: GenerationResult): void {
  const speed = timings.tokensPerSecond?.toFixed(0) ?? '?';
  const length = speculation?.meanAcceptanceLength?.toFixed(2) ?? '1.00';
  console.log(`${name}: ${speed} tokens/s, ${length} tokens per step that drafted`);
}
