/** What the system or OpenSSL says about a file: its code, for example `ENOENT`, else its message. */
export function whyOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return 'message' in error ? String(error.message) : 'unknown error';
}
