/** Prints one line per verify step: what was drafted, what was accepted, and what it cost. */
import { Outrider, type StepStats } from '@outrider/sdk';

await using client = await Outrider.connect(process.env['OUTRIDER_ADDRESS'] ?? 'localhost:50051');

await client.models.load({ id: 'target', uri: 'embedded:target' });
await client.models.load({
  id: 'draft',
  uri: 'embedded:draft',
  draftFor: 'target',
  placement: { devices: 'none' },
});

const story = client.generate({
  model: 'target',
  prompt: 'The little robot',
  maxTokens: 60,
  stats: 'detailed',
});
for await (const step of story.steps()) console.log(describe(step));

const { speculation } = await story.result();
console.log(`mean acceptance length ${speculation?.meanAcceptanceLength?.toFixed(2) ?? 'unknown'}`);

function describe(step: StepStats): string {
  const guesses = step.draftTokens.map(token => (token.accepted ? token.text : `✗${token.text}`));
  const counts = `${step.numAcceptedDraftTokens}/${step.numDraftTokens}`;
  const costs = `draft ${step.draftUs} µs, verify ${step.verifyUs} µs`;
  return `${step.stepIndex}: accepted ${counts}, ${costs} ${JSON.stringify(guesses.join('|'))}`;
}
