/** Where the admin port listens unless told. */
export const DEFAULT_ADMIN = '127.0.0.1:9464';

/** Host and port of `HOST:PORT` or `[HOST]:PORT`; undefined when the text is neither. */
export function hostAndPort(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}
