import { execFileSync } from 'node:child_process';

/** Fails when git sees a new or changed file under the given folders: generated code must be committed as generated. */
const status = execFileSync('git', ['status', '--porcelain', '--', ...process.argv.slice(2)], {
  encoding: 'utf8',
});
if (status !== '') {
  console.error(
    `generated code differs from what is committed; run npm run proto:generate\n${status}`,
  );
  process.exit(1);
}
