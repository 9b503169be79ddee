import { type Flag } from './flags/flag.js';

/**
 * Puts every spelling of a flag into its long form, because the parser behind it knows neither `-ngl` nor
 * several long names for one option. Values, operands and what follows `--` stay as they are.
 */
export function rewriteArgv(argv: readonly string[], flags: readonly Flag[]): string[] {
  const spellings = new Map(flags.flatMap(flag => spellingsOf(flag).map(text => [text, flag])));
  const rewritten: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') return [...rewritten, ...argv.slice(at)];
    const [spelling = '', ...inline] = word.split('=');
    const flag = spellings.get(spelling);
    if (flag === undefined) {
      rewritten.push(word);
      continue;
    }
    rewritten.push([`--${flag.name}`, ...inline].join('='));
    if (flag.value === undefined || inline.length > 0) continue;
    // The next word is the value even when it looks like a flag: `-p -m` asks for the text "-m".
    const values = argv.slice(at + 1, at + 2);
    if (flag.spreading?.includes(spelling) === true) values.push(...bareNumbers(argv, at + 2));
    if (values.length > 0) rewritten.push(values.join(','));
    at += values.length;
  }
  return rewritten;
}

function spellingsOf(flag: Flag): string[] {
  return [`--${flag.name}`, ...(flag.aliases ?? [])];
}

function bareNumbers(argv: readonly string[], from: number): string[] {
  const end = argv.findIndex((word, at) => at >= from && !/^\d+(\.\d+)?$/.test(word));
  return argv.slice(from, end === -1 ? argv.length : end);
}
