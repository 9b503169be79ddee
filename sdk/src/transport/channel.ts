import { Channel, ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import { type OutriderOptions } from '../types/call.js';
import { parseAddress, type Target } from './address.js';
import { rotateChannels } from './rotate-channels.js';

const KEEPALIVE: ChannelOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 15_000,
  'grpc.keepalive_permit_without_calls': 1,
};

const ROUND_ROBIN: ChannelOptions = {
  'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
};

/**
 * A channel that connects at its first call.
 * @throws TypeError for an address or options that make no sense
 */
export function openChannel(
  address: string | readonly string[],
  { tls, channel }: Pick<OutriderOptions, 'tls' | 'channel'>,
): Channel {
  const addresses = typeof address === 'string' ? [address] : address;
  const options = channelOptions(channel);
  const targets = addresses.map(parseAddress);
  const channels = targets.map(target => {
    const defaults = target.several ? { ...KEEPALIVE, ...ROUND_ROBIN } : KEEPALIVE;
    return new Channel(target.target, credentials(target, tls), { ...defaults, ...options });
  });
  return rotateChannels(channels);
}

function channelOptions(channel: unknown): ChannelOptions {
  if (channel === undefined) return {};
  if (typeof channel !== 'object' || channel === null || 'createCall' in channel)
    throw new TypeError('channel takes channel options of @grpc/grpc-js, as a plain object');
  return { ...channel };
}

function credentials({ target, secure }: Target, tls: OutriderOptions['tls']): ChannelCredentials {
  const wanted = tls === undefined ? secure === true : tls !== false;
  if (secure !== undefined && secure !== wanted)
    throw new TypeError(`tls and the scheme of the address of ${target} contradict each other`);
  if (!wanted) return ChannelCredentials.createInsecure();
  const { ca, cert, key } = typeof tls === 'object' ? tls : {};
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError('tls.cert and tls.key go together');
  return ChannelCredentials.createSsl(pem('ca', ca), pem('key', key), pem('cert', cert));
}

function pem(name: string, text: string | undefined): Buffer | null {
  if (text === undefined) return null;
  if (!text.includes('-----BEGIN ')) throw new TypeError(`tls.${name} takes PEM text, not a path`);
  return Buffer.from(text);
}
