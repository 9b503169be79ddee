import { type Flag } from '../../../server/src/cli/flags/flag.js';
import { runCommandLine } from '../../../server/src/cli/program.js';
import { type Settings } from '../../../server/src/cli/settings.js';
import { recordingIo } from './recording-io.js';

/**
 * The settings that a command with these flags would see, through the real parser.
 * @throws Error with standard error when the command line is refused
 */
export async function settingsOf(
  flags: readonly Flag[],
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Settings> {
  const io = recordingIo({ env });
  let seen: Settings | undefined;
  const exit = await runCommandLine(['probe', ...argv], io, [
    {
      name: 'probe',
      summary: 'keeps its settings',
      operands: [],
      flags,
      run: async ({ settings }) => {
        seen = settings;
      },
    },
  ]);
  if (seen === undefined) throw new Error(`exit ${exit}: ${io.err}`);
  return seen;
}
