import { readFileSync } from 'node:fs';

/** One way to place a pair, in the guide's three forms. */
export interface GuideWay {
  /** Of its section. */
  readonly heading: string;
  /** Arguments behind `outrider serve`. */
  readonly flags: readonly string[];
  /** Calls of the guide's shell function `load`, as a script. */
  readonly calls: string;
  /** TypeScript that uses `client`. */
  readonly program: string;
}

/** docs/placement.md in its parts. */
export interface Guide {
  /** The shell function that the calls use. */
  readonly definition: string;
  readonly ways: readonly GuideWay[];
  /** Commands that are not ways, without `outrider`. */
  readonly commands: readonly (readonly string[])[];
  /** Every TypeScript block, in order. */
  readonly programs: readonly string[];
}

/** Takes the guide apart. */
export function readGuide(): Guide {
  const text = readFileSync(new URL('../../docs/placement.md', import.meta.url), 'utf8');
  const blocks = blocksOf(text);
  const ways = blocks.flatMap(({ heading, code }, i): GuideWay[] => {
    const [calls, program] = [blocks[i + 1], blocks[i + 2]];
    // What needs workers on other hosts cannot be carried out on one.
    if (!code.startsWith('outrider serve ') || code.includes(' --rpc ')) return [];
    if (calls?.language !== 'sh' || program?.language !== 'ts')
      throw new Error(`under "${heading}", calls and a program should follow: ${code}`);
    return [{ heading, flags: argumentsOf(code), calls: calls.code, program: program.code }];
  });
  const [first] = blocks;
  return {
    definition: first?.code ?? '',
    ways,
    commands: blocks
      .filter(({ code }) => /^outrider (?!serve)/.test(code))
      .map(({ code }) => ['plan', ...argumentsOf(code)]),
    programs: blocks.filter(({ language }) => language === 'ts').map(({ code }) => code),
  };
}

interface Block {
  readonly heading: string;
  readonly language: string;
  readonly code: string;
}

function blocksOf(text: string): Block[] {
  let heading = '';
  return [...text.matchAll(/^## (.+)$|^```(sh|ts)\n([\s\S]*?)^```$/gm)].flatMap(match => {
    heading = match[1] ?? heading;
    const [, , language, code] = match;
    return language === undefined || code === undefined ? [] : [{ heading, language, code }];
  });
}

function argumentsOf(command: string): string[] {
  return command.trim().split(/\s+/).slice(2);
}
