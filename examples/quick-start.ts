/** Loads the embedded pair, streams a story, and tells how often the draft was right. */
import { Outrider } from '@outrider/sdk';

await using client = await Outrider.connect(process.env['OUTRIDER_ADDRESS'] ?? 'localhost:50051');

await client.models.load({ id: 'target', uri: 'embedded:target' });
await client.models.load({
  id: 'draft',
  uri: 'embedded:draft',
  draftFor: 'target',
  placement: { devices: 'none' },
});

const prompt = 'Once upon a time';
const story = client.generate({ model: 'target', prompt, maxTokens: 120, seed: 7 });
for await (const text of story.text()) process.stdout.write(text);

const { speculation, timings } = await story.result();
const rate = speculation?.draftAcceptanceRate ?? 0;
const speed = timings.tokensPerSecond ?? 0;
console.log(
  `\n${(100 * rate).toFixed(0)} % of drafted tokens accepted, ${speed.toFixed(0)} tokens/s`,
);
