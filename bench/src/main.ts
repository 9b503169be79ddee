import { MAKE_MODEL_USAGE, makeModel } from './make-model.js';
import { ngram, NGRAM_USAGE } from './ngram.js';
import { overlap, OVERLAP_USAGE } from './overlap/overlap.js';
import { overhead, OVERHEAD_USAGE } from './overhead/overhead.js';
import { PEERS_USAGE } from './peers/options.js';
import { peers } from './peers/peers.js';
import { STREAMS_USAGE } from './streams/options.js';
import { streams } from './streams/streams.js';

const USAGE = `npm run bench -- COMMAND

  ${PEERS_USAGE}

  ${STREAMS_USAGE}

  ${NGRAM_USAGE}

  ${OVERHEAD_USAGE}

  ${OVERLAP_USAGE}

  ${MAKE_MODEL_USAGE}`;

const [command, ...line] = process.argv.slice(2);
switch (command) {
  case 'peers':
    await peers(line);
    break;
  case 'streams':
    await streams(line);
    break;
  case 'ngram':
    await ngram(line);
    break;
  case 'overhead':
    await overhead(line);
    break;
  case 'overlap':
    await overlap(line);
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
