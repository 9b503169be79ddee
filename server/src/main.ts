#!/usr/bin/env node
import { processIo } from './cli/io.js';
import { runCommandLine } from './cli/program.js';

// They are for whoever maintains the libraries; grpc-js causes one with every TLS connection to an IP address.
if (!process.traceDeprecation && !process.throwDeprecation) process.noDeprecation = true;

process.exitCode = await runCommandLine(process.argv.slice(2), processIo());
