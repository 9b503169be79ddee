#!/usr/bin/env node
import { processIo } from './cli/io.js';
import { runCommandLine } from './cli/program.js';

process.exitCode = await runCommandLine(process.argv.slice(2), processIo());
