/** The code of an error of the operating system, for example `ENOENT`; undefined for any other value. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
