import { runLargeDemo } from './demo/large.js';
import { readDemoOptions, USAGE } from './demo/options.js';
import { runSmallDemo } from './demo/small.js';

const options = readDemoOptions(process.argv.slice(2));
if (options === undefined) console.log(USAGE);
else if (options.large) await runLargeDemo(options);
else await runSmallDemo(options);
