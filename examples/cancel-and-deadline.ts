/** Four ways to end a generation early: leave the loop, cancel(), a signal, a deadline. */
import { CancelledError, Outrider, TimeoutError } from '@outrider/sdk';

await using client = await Outrider.connect(process.env['OUTRIDER_ADDRESS'] ?? 'localhost:50051');

await client.models.load({ id: 'target', uri: 'embedded:target' });
const request = { model: 'target', prompt: 'A long story:', maxTokens: 200, ignoreEos: true };

let steps = 0;
for await (const event of client.generate(request)) {
  steps += event.type === 'step' ? 1 : 0;
  if (steps === 3) break;
}
console.log('left the loop after three steps');

const cancelled = client.generate(request);
await cancelled.started();
cancelled.cancel();
await tell('cancel()', cancelled);

await tell('a signal', client.generate(request, { signal: AbortSignal.abort() }));
await tell('a deadline', client.generate(request, { timeoutMs: 1 }));

async function tell(how: string, generation: PromiseLike<unknown>): Promise<void> {
  try {
    await generation;
    console.log(`${how}: it was done before`);
  } catch (error) {
    if (!(error instanceof CancelledError || error instanceof TimeoutError)) throw error;
    console.log(`${how}: ${error.name}, ${error.message}`);
  }
}
