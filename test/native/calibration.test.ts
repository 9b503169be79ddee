import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EngineClient } from '../../server/dist/engine/client.js';
import { embedded, loadFile, startEngine } from '../support/native-engine.js';

describe('the decode costs of a loaded model', () => {
  let engine: EngineClient;

  beforeAll(async () => {
    engine = await startEngine();
  });

  afterAll(async () => {
    await engine.close();
  });

  it('are measured by rows, in ascending order, from the plain step on', async () => {
    const { decodeCosts } = await loadFile(engine, 'models/measured', embedded.target, {
      calibrate: true,
      contextLength: 512,
      parallelSequences: 1,
    });

    const rows = decodeCosts.map(cost => cost.rows);
    expect(rows).toEqual([...rows].sort((a, b) => a - b));
    expect(rows).toEqual(expect.arrayContaining([1, 4]));
    expect([1, 2, 3, 4, 5, 6, 8, 12, 16]).toEqual(expect.arrayContaining(rows));
    for (const { durationUs } of decodeCosts) expect(durationUs).toBeGreaterThan(0);
  });

  it('fit a context and a batch that are smaller than the largest pass', async () => {
    const { decodeCosts } = await loadFile(engine, 'models/small', embedded.target, {
      calibrate: true,
      contextLength: 32,
      parallelSequences: 1,
      batchSize: 4,
      microBatchSize: 4,
    });

    expect(decodeCosts.map(cost => cost.rows)).toEqual([1, 2, 3, 4]);
  });

  it('are not measured where that was not wanted', async () => {
    const { decodeCosts } = await loadFile(engine, 'models/unmeasured', embedded.target);

    expect(decodeCosts).toEqual([]);
  });
});
