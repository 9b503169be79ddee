import { type CommandSpec } from './command.js';
import { CLIENT_FLAGS, TIMEOUT_FLAG } from './flags/client-flags.js';
import { MODEL_FLAGS } from './flags/model-flags.js';
import { PROMPT_FLAGS, REQUEST_FLAGS } from './flags/request-flags.js';
import { SAMPLING_FLAGS } from './flags/sampling-flags.js';
import { ADMIN_FLAG, CONFIG_FLAG, ENGINE_FLAGS, SERVE_FLAGS } from './flags/serve-flags.js';
import { SPECULATION_FLAGS } from './flags/speculation-flags.js';
import {
  LOAD_FLAGS,
  PLAN_FLAGS,
  RUN_FLAGS,
  TOP_FLAGS,
  UNLOAD_FLAGS,
  WATCH_FLAG,
} from './flags/command-flags.js';

/** Every subcommand. Their code is loaded when they run, so that `models` does not wait for a server's modules. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'serve',
    summary: 'run a server; -m and -md become a target and its default draft',
    operands: [],
    flags: [
      CONFIG_FLAG,
      ...SERVE_FLAGS,
      ...ENGINE_FLAGS,
      ...MODEL_FLAGS,
      ...SPECULATION_FLAGS,
      ...SAMPLING_FLAGS,
    ],
    run: async invocation => (await import('./serve.js')).serve(invocation),
  },
  {
    name: 'run',
    summary: 'load, generate once, print the text and what speculation did for it',
    operands: [],
    flags: [
      ...PROMPT_FLAGS,
      ...REQUEST_FLAGS,
      ...RUN_FLAGS,
      ...MODEL_FLAGS,
      ...SPECULATION_FLAGS,
      ...SAMPLING_FLAGS,
      ...ENGINE_FLAGS,
      ...CLIENT_FLAGS,
    ],
    run: async invocation => (await import('./run.js')).run(invocation),
  },
  {
    name: 'load',
    summary: 'put a model, and a draft for it, onto a server',
    operands: [],
    flags: [...MODEL_FLAGS, ...LOAD_FLAGS, ...CLIENT_FLAGS],
    run: async invocation => (await import('./load.js')).load(invocation),
  },
  {
    name: 'plan',
    summary: 'tell where models would go and whether they fit, without loading them',
    operands: [],
    flags: [...MODEL_FLAGS, ...PLAN_FLAGS, ...ENGINE_FLAGS, ...CLIENT_FLAGS],
    run: async invocation => (await import('./plan.js')).plan(invocation),
  },
  {
    name: 'unload',
    summary: 'free a model of a server',
    operands: ['NAME'],
    flags: [...UNLOAD_FLAGS, ...CLIENT_FLAGS],
    run: async invocation => (await import('./unload.js')).unloadModel(invocation),
  },
  {
    name: 'models',
    summary: 'list the models of a server',
    operands: [],
    flags: CLIENT_FLAGS,
    run: async invocation => (await import('./models.js')).listModels(invocation),
  },
  {
    name: 'devices',
    summary: 'list what models can be placed on',
    operands: [],
    flags: [WATCH_FLAG, ...CLIENT_FLAGS],
    run: async invocation => (await import('./devices.js')).showDevices(invocation),
  },
  {
    name: 'top',
    summary: 'watch models, devices, streams, acceptance and tokens per second',
    operands: [],
    flags: [ADMIN_FLAG, ...TOP_FLAGS, TIMEOUT_FLAG],
    run: async invocation => (await import('./top.js')).top(invocation),
  },
];
