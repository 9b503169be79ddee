import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { COMMANDS } from '../../server/src/cli/commands.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'models/README.md',
  'models/train/README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
];

describe('the README', () => {
  it('shows the quick start exactly as it is compiled and run', () => {
    const [block] = codeBlocks(read('README.md'), 'ts');

    expect(block).toBe(read('examples/quick-start.ts'));
  });

  it('names every RPC of the contract', () => {
    const files = readdirSync(join(ROOT, 'proto/outrider/v1'));
    const rpcs = files.flatMap(file =>
      matches(read(`proto/outrider/v1/${file}`), /^ {2}rpc (\w+)/gm),
    );

    expect(rpcs.length).toBeGreaterThan(0);
    expect(rpcs.filter(rpc => !read('README.md').includes(`\`${rpc}\``))).toEqual([]);
  });
});

describe('the documentation', () => {
  it.each(PAGES)('has no dead link to a file or a heading in %s', page => {
    const dead = matches(read(page), /\]\(([^)\s]+)\)/g)
      .filter(link => !/^[a-z]+:/.test(link))
      .filter(link => !leadsSomewhere(page, link));

    expect(dead).toEqual([]);
  });

  it('explains every reason that an error may have, and no other', () => {
    const union = /export type Reason =([^;]+);/.exec(read('server/src/coded-error.ts'))?.[1] ?? '';
    const errors = /## 4\. Errors\n([\s\S]*?)\n## /.exec(read('docs/api.md'))?.[1] ?? '';
    const tableReasons = errors
      .split('\n')
      .filter(line => line.startsWith('|'))
      .flatMap(line => matches(line.split('|')[2] ?? '', /`([A-Z_]+)`/g));

    // CANCELLED is the status of a caller that left; nobody receives its reason.
    const known = matches(union, /'(\w+)'/g).filter(reason => reason !== 'CANCELLED');
    expect([...tableReasons].sort()).toEqual(known.sort());
  });

  it('names every command and every spelling of every flag, and no flag that does not exist', () => {
    const page = /## 5\. Command line\n([\s\S]*?)\n## /.exec(read('docs/api.md'))?.[1] ?? '';
    const spellings = new Set(
      COMMANDS.flatMap(({ flags }) =>
        flags.flatMap(({ name, aliases = [] }) => [`--${name}`, ...aliases]),
      ),
    );

    const named = new Set(matches(page, /(?<![\w-])(--?[a-z][a-z_-]*)/g));

    expect(COMMANDS.filter(({ name }) => !page.includes(`| \`${name}`))).toEqual([]);
    expect([...spellings].filter(spelling => !named.has(spelling))).toEqual([]);
    expect(
      [...named].filter(name => !spellings.has(name) && !['--a-b', '--json'].includes(name)),
    ).toEqual([]);
  });

  it('gives the digests of the embedded models as they are', () => {
    const card = read('models/README.md');

    for (const file of ['tales-target-f32.gguf', 'tales-draft-f32.gguf']) {
      const bytes = readFileSync(join(ROOT, 'models', file));
      expect(card).toContain(createHash('sha256').update(bytes).digest('hex'));
      expect(card).toContain(`${bytes.length.toLocaleString('en-US')} bytes`);
    }
  });
});

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function codeBlocks(markdown: string, language: string): string[] {
  return matches(markdown, new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'));
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(match => match[1] ?? '');
}

function leadsSomewhere(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

/** Anchors as GitHub makes them from headings. */
function anchorsOf(markdown: string): string[] {
  return matches(markdown, /^#+ (.+)$/gm).map(heading =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}
