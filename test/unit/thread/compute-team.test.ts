import { describe, expect, it } from '@jest/globals';
import { ComputeTeam } from '../../../server/src/engine/thread/compute-team.js';

describe('the compute threads beside a model', () => {
  it('are kept for a while where there is a processor for each', () => {
    const { join } = machineOf(4);
    const target = join(2);
    const draft = join(2);

    expect([target.patienceMs, draft.patienceMs]).toEqual([50, 50]);
  });

  it('are ended at once where the models together have more than there are processors', () => {
    const { join } = machineOf(2);
    const target = join(2);
    expect(target.patienceMs).toBe(50);

    const draft = join(2);
    expect([target.patienceMs, draft.patienceMs]).toEqual([0, 0]);

    draft.leave();
    expect(target.patienceMs).toBe(50);
  });

  it('do not count for a model that computes on its own thread alone', () => {
    const { join, ended } = machineOf(2);
    const target = join(2);
    const draft = join(1);

    expect([target.patienceMs, draft.patienceMs]).toEqual([50, Infinity]);
    draft.rest();
    draft.leave();
    expect(ended()).toBe(0);
  });

  it('are ended when their model rests and when it leaves', () => {
    const { join, ended } = machineOf(2);
    const target = join(2);

    target.rest();
    expect(ended()).toBe(1);
    target.leave();
    expect(ended()).toBe(2);
  });
});

function machineOf(processors: number) {
  const count = new SharedArrayBuffer(4);
  let ends = 0;
  const end = (): void => {
    ends++;
  };
  const machine = { processors, end };
  return { join: (threads: number) => new ComputeTeam(count, threads, machine), ended: () => ends };
}
