import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from '@jest/globals';
import { abortFlagBytes } from '../../../server/src/engine/thread/abort-flag.js';
import { ComputeTeam } from '../../../server/src/engine/thread/compute-team.js';
import { type Beat, Heartbeat, readBeat } from '../../../server/src/engine/thread/heartbeat.js';
import { type LoadedThread } from '../../../server/src/engine/thread/load.js';
import {
  gaugeBytes,
  type ThreadStart,
  type ToThread,
} from '../../../server/src/engine/thread/messages.js';
import { ModelThread } from '../../../server/src/engine/thread/model-thread.js';
import { hashTable, TableContext } from '../../support/table-context.js';
import { easy, specOf } from '../../support/table-streams.js';

describe('the heartbeat of a model thread', () => {
  it('is silent before it serves and while it sleeps', () => {
    const gauges = new SharedArrayBuffer(gaugeBytes);
    const heart = new Heartbeat(gauges);

    expect(readBeat(gauges)).toBeUndefined();
    heart.awake();
    expect(readBeat(gauges)).toBeDefined();
    heart.asleep();
    expect(readBeat(gauges)).toBeUndefined();
  });

  it('tells another round every time, and the rows of the pass in it', () => {
    const gauges = new SharedArrayBuffer(gaugeBytes);
    const heart = new Heartbeat(gauges);
    const beats: (Beat | undefined)[] = [];

    for (let round = 0; round < 3; round++) {
      heart.awake();
      beats.push(readBeat(gauges));
      heart.pass(5);
      beats.push(readBeat(gauges));
    }
    heart.asleep();
    heart.awake();
    beats.push(readBeat(gauges));

    expect(new Set(beats.map(beat => beat?.round)).size).toBe(4);
    expect(beats.map(beat => beat?.rows)).toEqual([0, 5, 0, 5, 0, 5, 0]);
  });

  it('goes on beyond the largest number that its gauge holds', () => {
    const gauges = new SharedArrayBuffer(gaugeBytes);
    new Int32Array(gauges).fill(2 ** 31 - 1, 2, 3);
    const heart = new Heartbeat(gauges);

    heart.awake();
    const first = readBeat(gauges);
    heart.awake();
    const second = readBeat(gauges);

    expect(first?.round).toBeDefined();
    expect(second?.round).not.toBe(first?.round);
  });
});

describe('a model thread', () => {
  it('that is in a pass says so, with the rows of it, in another round every time', () => {
    const { thread, send, gauges, beforePass } = threadOverTable();
    const beats: (Beat | undefined)[] = [];
    beforePass(() => {
      beats.push(readBeat(gauges));
      // It would sleep once the stream is over, and nobody could wake it here.
      if (beats.length === 3) send({ type: 'stop' });
    });
    send({ type: 'generate', spec: specOf(1, { ...easy, prompt: [1, 2, 3, 4] }) });

    thread.run();

    expect(beats.map(beat => beat?.rows)).toEqual([4, 1, 1]);
    expect(new Set(beats.map(beat => beat?.round)).size).toBe(3);
  });
});

/** A model thread in this one, over a table in place of a model. */
function threadOverTable() {
  const table = new TableContext(hashTable(16, 5)).context;
  let hook: () => void = () => undefined;
  const context = {
    ...table,
    decode: (prompt: boolean) => {
      hook();
      return table.decode(prompt);
    },
  };
  const facts = {
    vocabulary: { size: 16 },
    decodeCosts: [],
  };
  const loaded = {
    context,
    vocabulary: { facts: { size: 16 }, eogIds: [], piece: () => Uint8Array.of(32) },
    facts,
    free: () => undefined,
  } as unknown as LoadedThread;
  const { port1, port2 } = new MessageChannel();
  const gauges = new SharedArrayBuffer(gaugeBytes);
  const start = {
    options: { parallelSequences: 1, microBatchSize: 8, batchSize: 8, contextLength: 64 },
    debug: true,
    inbox: port2,
    bell: new SharedArrayBuffer(4),
    gauges,
    abort: new SharedArrayBuffer(abortFlagBytes),
  } as unknown as ThreadStart;
  return {
    thread: new ModelThread(
      start,
      loaded,
      () => undefined,
      new ComputeTeam(new SharedArrayBuffer(4), 1),
    ),
    gauges,
    send: (message: ToThread) => port1.postMessage(message),
    beforePass: (listener: () => void) => {
      hook = listener;
    },
  };
}
