import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Status } from 'nice-grpc-common';
import { COMMANDS } from '../../server/src/cli/commands.js';
import { ENGINE_FLAGS, SERVE_FLAGS } from '../../server/src/cli/flags/serve-flags.js';
import { type Reason } from '../../server/src/coded-error.js';
import { statusOf } from '../../server/src/rpc/errors.js';

const PAGE = read('docs/operations.md');
const UNIT = read('deploy/systemd/outrider.service');
/** Flags of other programs, and the pattern of all flags. */
const FOREIGN = ['--a-b', '--omit', '--system', '--home-dir', '--shell', '--now', '--import'];

describe("the operator's page", () => {
  it('lists every reason of an error once, with its code, what it means and what to do', () => {
    const catalogue = /const STATUS = \{([\s\S]*?)\} as const/.exec(
      read('server/src/rpc/errors.ts'),
    );
    const reasons = [...(catalogue?.[1] ?? '').matchAll(/^ {2}([A-Z_]+):/gm)].map(
      ([, reason = '']) => reason as Reason,
    );
    const table = PAGE.slice(PAGE.indexOf('## Every error reason'))
      .split('\n')
      .map(line => line.split('|').map(cell => cell.trim()))
      .filter(([, reason = '']) => /^`[A-Z_]+`$/.test(reason));

    expect(reasons.length).toBeGreaterThan(30);
    expect(table.map(([, reason, code]) => [reason, code]).sort()).toEqual(
      reasons.map(reason => [`\`${reason}\``, Status[statusOf(reason)]]).sort(),
    );
    expect(table.filter(([, , , means, remedy]) => means === '' || remedy === '')).toEqual([]);
  });

  it.each([
    ['its text', PAGE],
    ['the systemd unit', UNIT],
  ])('names in %s no flag that does not exist', (_, text) => {
    const known = new Set([
      ...FOREIGN,
      ...COMMANDS.flatMap(({ flags }) =>
        flags.flatMap(({ name, aliases = [] }) => [`--${name}`, ...aliases]),
      ),
      '--json',
    ]);
    const named = [...text.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([flag]) => flag);

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter(flag => !known.has(flag))).toEqual([]);
  });

  it('names every flag of the server and of its engine', () => {
    const flags = [...SERVE_FLAGS, ...ENGINE_FLAGS].map(({ name }) => name);

    expect(flags.filter(name => !PAGE.includes(`\`--${name}`))).toEqual([]);
  });

  it('says what to do at every alert, and at none that is not raised', () => {
    const raised = read('deploy/prometheus/alerts.yml').matchAll(/- alert: (\w+)/g);
    const explained = PAGE.matchAll(/^\| `(Outrider\w+)`/gm);

    expect([...explained].map(([, name]) => name).sort()).toEqual(
      [...raised].map(([, name]) => name).sort(),
    );
  });
});

describe('the systemd unit', () => {
  it('lets a drain end before it is cut short', () => {
    const drainMs = Number(/--drain-ms (\d+)/.exec(UNIT)?.[1]);
    const stopSeconds = Number(/^TimeoutStopSec=(\d+)$/m.exec(UNIT)?.[1]);

    expect(stopSeconds * 1000).toBeGreaterThan(drainMs);
  });
});

function read(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
}
