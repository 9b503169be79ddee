/**
 * Whether an engine asserts what must hold in every step, and fails a stream where it does not: for tests and debugging.
 * Set `OUTRIDER_DEBUG=1` for the server; its engines inherit it.
 */
export function isDebugging(env: Readonly<Record<string, string | undefined>>): boolean {
  return env['OUTRIDER_DEBUG'] === '1';
}
