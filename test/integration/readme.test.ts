import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { startService } from '../support/serve.js';

const QUICK_START = fileURLToPath(new URL('../../examples/dist/quick-start.js', import.meta.url));

describe("the README's quick start", () => {
  it('tells a story and how often the draft was right, against a server started as it says', async () => {
    // Empty is unset: the quick start loads the pair as a plain `serve` has loaded it.
    await using service = await startService([], {
      OUTRIDER_THREADS: '',
      OUTRIDER_THREADS_DRAFT: '',
    });

    const child = spawn(process.execPath, [QUICK_START], {
      env: { ...process.env, NODE_OPTIONS: '', OUTRIDER_ADDRESS: service.address },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    await once(child, 'close');

    expect(stderr).toBe('');
    expect(child.exitCode).toBe(0);
    const [figures = '', ...story] = stdout.trimEnd().split('\n').reverse();
    expect(figures).toMatch(/^\d+ % of drafted tokens accepted, \d+ tokens\/s$/);
    expect(story.join('').length).toBeGreaterThan(100);
  }, 120_000);
});
