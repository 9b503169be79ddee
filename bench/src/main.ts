import { MAKE_MODEL_USAGE, makeModel } from './make-model.js';
import { overhead, OVERHEAD_USAGE } from './overhead/overhead.js';

const USAGE = `npm run bench -- COMMAND

  ${OVERHEAD_USAGE}

  ${MAKE_MODEL_USAGE}`;

const [command, ...line] = process.argv.slice(2);
switch (command) {
  case 'overhead':
    await overhead(line);
    break;
  case 'make-model':
    makeModel(line);
    break;
  case undefined:
  case '--help':
    console.log(USAGE);
    break;
  default:
    console.error(`there is no benchmark "${command}"\n\n${USAGE}`);
    process.exitCode = 2;
}
