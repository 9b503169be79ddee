import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { workerFault } from '../../../server/src/engine/worker-greeting.js';

const servers: Server[] = [];
const sockets: Socket[] = [];

/** A listener that does this with what it is sent. */
async function listening(onData: (socket: Socket, data: Buffer) => void): Promise<string> {
  const server = createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', data => onData(socket, data));
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `127.0.0.1:${address.port}`;
}

/** What a worker of that version answers. */
function answer(major: number, minor: number): Buffer {
  const reply = Buffer.alloc(8 + 28);
  reply.writeBigUInt64LE(28n);
  reply.set([major, minor], 8);
  return reply;
}

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

describe('a worker that is greeted', () => {
  it('can be used when it answers with the same version, in however many parts', async () => {
    let heard = Buffer.alloc(0);
    const endpoint = await listening((socket, data) => {
      heard = Buffer.concat([heard, data]);
      for (const byte of answer(7, 0)) socket.write(Buffer.of(byte));
    });

    expect(await workerFault(endpoint)).toBeUndefined();
    expect(heard).toEqual(Buffer.concat([Buffer.of(14, 24), Buffer.alloc(7 + 24)]));
  });

  it.each([
    [6, 9],
    [7, 1],
    [8, 0],
  ])('cannot be used when it speaks version %d.%d', async (major, minor) => {
    const endpoint = await listening(socket => socket.write(answer(major, minor)));

    expect(await workerFault(endpoint)).toContain(`version ${major}.${minor}`);
  });

  it('cannot be used when it hangs up', async () => {
    const endpoint = await listening(socket => socket.end());

    expect(await workerFault(endpoint)).toContain('no RPC worker');
  });

  it('cannot be used when it says nothing in time, as one that serves somebody else', async () => {
    const endpoint = await listening(() => undefined);

    expect(await workerFault(endpoint, 50)).toContain('within 50 ms');
  });

  it('cannot be used when nothing listens there', async () => {
    const endpoint = await listening(() => undefined);
    const [server] = servers;
    server?.close();
    if (server !== undefined) await once(server, 'close');

    expect(await workerFault(endpoint)).toBe('it cannot be reached: ECONNREFUSED');
  });
});
