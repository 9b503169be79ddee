import { describe, expect, it } from '@jest/globals';
import { reportPage } from '../../bench/src/soak/report.js';
import { runSoak } from '../../bench/src/soak/run.js';

describe('a server with sixteen mixed clients for a while', () => {
  it('says the right texts, lets nothing get stuck, leaves nothing behind and dies in order', async () => {
    // Too short to tell a leak from warming up; `npm run soak` holds memory to 5 %.
    const options = { minutes: 0.3, clients: 16, seed: 5, growth: 0.5 };

    const report = await runSoak(options, () => undefined);

    console.info(reportPage(report));
    expect(report.violations).toEqual([]);
    expect([...report.counts.keys()].sort()).toEqual(
      ['bad', 'cancel', 'deadline', 'disconnect', 'load', 'slow', 'stream'].sort(),
    );
  }, 180_000);
});
