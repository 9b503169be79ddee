import { connect, type Socket } from 'node:net';
import { whyOf } from '../caught-error.js';

// Of `ggml-rpc.h` of the pinned llama.cpp: its client aborts the process where a worker speaks another version.
const protocol = { major: 7, minor: 0 };
const hello = 14;
const capabilityBytes = 24;
const replyBytes = 8 + 4 + capabilityBytes;

/** How long a worker may take to answer a greeting, in milliseconds. */
export const GREETING_MS = 2_000;

/**
 * Greets an RPC worker of llama.cpp as its client would, and hangs up. To be asked before llama.cpp connects, which
 * ends the process where nothing answers and waits for ever where the worker serves somebody else.
 * @param endpoint `host:port`; the name is looked up as IPv4, as llama.cpp does
 * @returns why the worker cannot be used; undefined if it can
 */
export async function workerFault(
  endpoint: string,
  withinMs: number = GREETING_MS,
): Promise<string | undefined> {
  const [host, port] = endpoint.split(':');
  const socket = connect({ host, port: Number(port), family: 4 });
  let timer: NodeJS.Timeout | undefined;
  try {
    return await Promise.race([
      greet(socket),
      new Promise<string>(resolve => {
        timer = setTimeout(() => {
          resolve(`no answer within ${withinMs} ms; a worker serves one client at a time`);
        }, withinMs);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

function greet(socket: Socket): Promise<string | undefined> {
  return new Promise(resolve => {
    let reply: Buffer = Buffer.alloc(0);
    socket.once('connect', () => socket.write(greeting()));
    socket.once('error', error => {
      resolve(`it cannot be reached: ${whyOf(error)}`);
    });
    socket.once('close', () => resolve('what listens there is no RPC worker of llama.cpp'));
    socket.on('data', part => {
      reply = Buffer.concat([reply, part]);
      if (reply.length >= replyBytes) resolve(replyFault(reply));
    });
  });
}

/** Command, length, and no capabilities: plain TCP. */
function greeting(): Buffer {
  const message = Buffer.alloc(1 + 8 + capabilityBytes);
  message.writeUInt8(hello);
  message.writeBigUInt64LE(BigInt(capabilityBytes), 1);
  return message;
}

function replyFault(reply: Buffer): string | undefined {
  const [major, minor] = [reply.readUInt8(8), reply.readUInt8(9)];
  if (major === protocol.major && minor <= protocol.minor) return undefined;
  return `it speaks version ${major}.${minor} of the protocol, these libraries ${protocol.major}.${protocol.minor}`;
}
