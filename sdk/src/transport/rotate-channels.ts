import { type Channel, connectivityState } from '@grpc/grpc-js';

/**
 * One channel that gives each call, and so each attempt of a call, to the next of several, passing over those that
 * cannot be reached as long as another can.
 * @throws TypeError without a channel
 */
export function rotateChannels(channels: readonly Channel[]): Channel {
  const [first] = channels;
  if (first === undefined) throw new TypeError('at least one address is needed');
  if (channels.length === 1) return first;
  let turn = 0;
  const next = (): Channel => {
    for (const offset of channels.keys()) {
      const candidate = channels[(turn + offset) % channels.length];
      // Asking with `true` lets a channel that lost its server look for it again.
      if (
        candidate === undefined ||
        candidate.getConnectivityState(true) === connectivityState.TRANSIENT_FAILURE
      )
        continue;
      turn = (turn + offset + 1) % channels.length;
      return candidate;
    }
    turn = (turn + 1) % channels.length;
    return channels[turn] ?? first;
  };
  const rotating: Pick<Channel, keyof Channel> = {
    createCall: (method, deadline, host, parentCall, propagateFlags) =>
      next().createCall(method, deadline, host, parentCall, propagateFlags),
    close: () => {
      for (const channel of channels) channel.close();
    },
    getTarget: () => channels.map(channel => channel.getTarget()).join(','),
    getConnectivityState: tryToConnect => next().getConnectivityState(tryToConnect),
    watchConnectivityState: (currentState, deadline, callback) =>
      next().watchConnectivityState(currentState, deadline, callback),
    getChannelzRef: () => first.getChannelzRef(),
  };
  // Channel is a class with a private field, which clients never look at.
  return rotating as Channel;
}
