/** What a caught value says in words: the message of an error, anything else as text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of an error of the operating system, for example `ENOENT`; undefined for any other value. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

/** What the system or OpenSSL says about a file or a connection: its code, for example `ENOENT`, else its message. */
export function whyOf(error: unknown): string {
  const code = codeOf(error);
  return typeof code === 'string' ? code : messageOf(error);
}
