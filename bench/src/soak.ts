import { readSoakOptions, SOAK_USAGE } from './soak/options.js';
import { reportPage } from './soak/report.js';
import { runSoak } from './soak/run.js';

const line = process.argv.slice(2);
if (line.includes('--help')) console.log(SOAK_USAGE);
else {
  const report = await runSoak(readSoakOptions(line), text => console.log(text));
  console.log(`\n${reportPage(report)}`);
  if (report.violations.length > 0) process.exitCode = 1;
}
