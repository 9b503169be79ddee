import { type Token } from '@outrider/sdk/proto';
import { choice } from './flags/values.js';
import { type Io } from './io.js';
import { type Settings } from './settings.js';

/** Whether to colour: as `--color` says, else on terminals without `NO_COLOR`. @throws CommandFailure USAGE */
export function wantsColor(settings: Settings, io: Io): boolean {
  const when = settings.value('color', whenToColor) ?? 'auto';
  if (when !== 'auto') return when === 'always';
  const { NO_COLOR = '', TERM = '' } = io.env;
  return io.outIsTerminal && NO_COLOR === '' && TERM !== 'dumb';
}

/** Text of tokens, with what a draft had right in green when `color` is on. */
export function tokensText(tokens: readonly Token[], color: boolean): string {
  return tokens
    .map(({ text, fromDraft }) =>
      color && fromDraft && text !== '' ? GREEN + text + DEFAULT : text,
    )
    .join('')
    .replaceAll(DEFAULT + GREEN, '');
}

const GREEN = '\u001b[32m';
const DEFAULT = '\u001b[39m';

const whenToColor = choice({ auto: 'auto', always: 'always', never: 'never' });
