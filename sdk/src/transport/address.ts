/** Where a channel leads. */
export interface Target {
  /** In the form that grpc-js takes. */
  readonly target: string;
  /** What the scheme says about encryption; undefined where it says nothing. */
  readonly secure: boolean | undefined;
  /** The target may stand for several servers, to be used in turn. */
  readonly several: boolean;
}

const DEFAULT_PORTS = { http: '80', https: '443', none: '50051' } as const;
const RESOLVED = /^(dns|ipv4|ipv6|unix|unix-abstract):(?!\d+$)/;
const WEB = /^(https?):\/\/([^/]+)\/?$/;
const HOST = /^([^:[\]/\s]+|\[[\da-f:.]+\])(?::(\d+))?$/i;
const BARE_IPV6 = /^[\da-f]*:[\da-f]*:[\da-f:.]*$/i;

/**
 * Reads `host`, `host:port`, `[::1]:port`, `http://…`, `https://…`, `unix:///path`, `dns:///name:port` or
 * `ipv4:a:1,b:2`. Ports: 80 for `http`, 443 for `https`, 50051 without a scheme.
 * @throws TypeError for anything else
 */
export function parseAddress(address: string): Target {
  const scheme = RESOLVED.exec(address)?.[1];
  if (scheme !== undefined)
    return { target: address, secure: undefined, several: !scheme.startsWith('unix') };
  const [, protocol, authority = address] = WEB.exec(address) ?? [];
  const [, host, port] = HOST.exec(BARE_IPV6.test(authority) ? `[${authority}]` : authority) ?? [];
  if (host === undefined)
    throw new TypeError(
      `'${address}' is not an address; give host:port, https://host, or unix:///path`,
    );
  const known = protocol === 'http' || protocol === 'https' ? protocol : undefined;
  return {
    target: `${host}:${port ?? DEFAULT_PORTS[known ?? 'none']}`,
    secure: known === undefined ? undefined : known === 'https',
    several: false,
  };
}
