import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { rewriteArgv } from './argv.js';
import { type CommandSpec } from './command.js';
import { COMMANDS } from './commands.js';
import { EXIT, type Exit, usage } from './failure.js';
import { JSON_FLAG } from './flags/client-flags.js';
import { environmentName, type Flag } from './flags/flag.js';
import { type Io } from './io.js';
import { asFailure, reportFailure } from './report.js';
import { type GivenFlags, readSettings } from './settings.js';

/**
 * Runs one command line to its end.
 * @param argv what follows the program's name
 * @returns the exit status; every failure has been reported
 */
export async function runCommandLine(
  argv: readonly string[],
  io: Io,
  commands: readonly CommandSpec[] = COMMANDS,
): Promise<Exit> {
  const words = rewriteArgv(argv, commands.flatMap(flagsOf));
  try {
    await buildProgram(io, commands).parseAsync(words, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    // The help that stands for a missing command is the whole report.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage;
    const failure = asFailure(error instanceof CommanderError ? usage(complaint(error)) : error);
    reportFailure(io, failure, wantsJson(words, io));
    return failure.exit;
  }
}

function buildProgram(io: Io, commands: readonly CommandSpec[]): Command {
  const flags = new Map(commands.flatMap(flagsOf).map(flag => [`--${flag.name}`, flag]));
  const aliases = (option: Option, length: 'short' | 'long') =>
    (flags.get(option.long ?? '')?.aliases ?? []).filter(
      alias => alias.startsWith('--') === (length === 'long'),
    );
  const program = new Command('outrider')
    .description('Speculative decoding over gRPC')
    .version(packageVersion(), '-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({
      // Whoever closes the output has read enough of the help.
      writeOut: text => void io.write(text).catch(() => undefined),
      writeErr: text => io.writeError(text),
      // Reported with every other failure, in one form.
      outputError: () => undefined,
    })
    .configureHelp({
      optionTerm: option => [...aliases(option, 'short'), option.flags].join(', '),
      optionDescription: option => {
        const others = aliases(option, 'long').join(', ');
        return others === '' ? option.description : `${option.description} (also ${others})`;
      },
    })
    .addHelpText('afterAll', '\nEvery flag --a-b may also be set as OUTRIDER_A_B.');
  for (const spec of commands) addCommand(program, spec, io);
  return program;
}

function addCommand(program: Command, spec: CommandSpec, io: Io): void {
  const command = program.command(spec.name).description(spec.summary);
  for (const operand of spec.operands) command.argument(`<${operand}>`);
  const options = flagsOf(spec).map(flag => ({ flag, option: optionOf(flag) }));
  for (const { option } of options) command.addOption(option);
  command.action(async () => {
    const given = new Map(
      options
        .filter(({ option }) => command.getOptionValueSource(option.attributeName()) === 'cli')
        .map(({ flag, option }) => [flag.name, givenValues(command, flag, option)]),
    );
    await invoke(spec, given, command.args, io);
  });
}

async function invoke(
  spec: CommandSpec,
  given: GivenFlags,
  operands: readonly string[],
  io: Io,
): Promise<void> {
  const settings = readSettings(flagsOf(spec), given, io.env);
  const interruption = new AbortController();
  const stopListening = io.onSignal(() => {
    if (interruption.signal.aborted) io.abandon(EXIT.interrupted);
    else interruption.abort();
  });
  try {
    const json = settings.isOn(JSON_FLAG.name);
    await spec.run({ settings, operands, io, json, signal: interruption.signal });
  } finally {
    stopListening();
  }
}

function flagsOf(spec: CommandSpec): Flag[] {
  return [...spec.flags, JSON_FLAG];
}

function optionOf(flag: Flag): Option {
  const value = flag.value === undefined ? '' : ` <${flag.value}>`;
  const option = new Option(`--${flag.name}${value}`, flag.help);
  if (flag.value === undefined) return option;
  return option.argParser((text: string, before: readonly string[] | undefined) => [
    ...(before ?? []),
    text,
  ]);
}

function givenValues(command: Command, flag: Flag, option: Option): readonly string[] {
  if (flag.value === undefined) return ['true'];
  const values: unknown = command.getOptionValue(option.attributeName());
  return Array.isArray(values) ? values.map(String) : [];
}

function complaint(error: CommanderError): string {
  return error.message.replace(/^error: /, '');
}

function wantsJson(words: readonly string[], io: Io): boolean {
  const end = words.indexOf('--');
  const options = end === -1 ? words : words.slice(0, end);
  const variable = io.env[environmentName(JSON_FLAG.name)] ?? '';
  return options.includes(`--${JSON_FLAG.name}`) || /^(1|true|yes|on)$/i.test(variable);
}

function packageVersion(): string {
  const url = new URL('../../package.json', import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(url, 'utf8'));
  const known = typeof parsed === 'object' && parsed !== null && 'version' in parsed;
  return known ? String(parsed.version) : 'unknown';
}
