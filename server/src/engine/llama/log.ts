import koffi from 'koffi';
import { type LlamaFunctions } from './functions.js';

/** Levels of `enum ggml_log_level`; 5 continues the line before. */
export type LlamaLogLevel = 'debug' | 'info' | 'warn' | 'error';

const levels: readonly LlamaLogLevel[] = ['debug', 'debug', 'info', 'warn', 'error'];
const continues = 5;

/**
 * Sends every log line of llama.cpp to `onLine`, whole and without its line feed.
 * To be called once, in the thread whose event loop stays free: a line written by another thread is handed over to this
 * one, and its writer waits until it is taken.
 */
export function sinkLog(
  llama: LlamaFunctions,
  onLine: (level: LlamaLogLevel, line: string) => void,
): void {
  let level: LlamaLogLevel = 'info';
  let pending = '';
  const prototype = koffi.proto('void', ['int', 'const char *', 'void *']);
  const callback = koffi.register((given: number, text: string | null) => {
    if (given !== continues) level = levels[given] ?? 'info';
    pending += text ?? '';
    for (let end = pending.indexOf('\n'); end !== -1; end = pending.indexOf('\n')) {
      onLine(level, pending.slice(0, end));
      pending = pending.slice(end + 1);
    }
  }, koffi.pointer(prototype));
  llama.llama_log_set(callback, null);
}

/** What a buffer of a load holds. */
export type BufferClass = 'weights' | 'kv' | 'compute';

/** One buffer as the log of a load names it. */
export interface LoggedBuffer {
  /** Buffer type, for example `CPU_Mapped` or `CUDA0`. */
  readonly type: string;
  readonly holds: BufferClass;
  /** Bytes, to two decimals of a MiB. */
  readonly bytes: number;
}

const bufferLine = /^\w+:\s+(\S+)\s+(model|KV|RS|compute|output) buffer size = +([\d.]+) MiB/;
const layerLine = /load_tensors: layer\s+(\d+) assigned to device (\S+?),?(?:\s|$)/;

const cacheLayerLine = /^llama_(?:kv_cache|memory_recurrent)[:,] layer\s+\d+: dev = (\S+)/;
const cacheSizeLine = /^llama_(?:kv_cache|memory_recurrent): size = +([\d.]+) MiB/;

const classes: Readonly<Record<string, BufferClass>> = {
  model: 'weights',
  KV: 'kv',
  RS: 'kv',
  compute: 'compute',
  output: 'compute',
};

/**
 * Reads where a load went out of its log: the C interface of v0.5.0 does not return it.
 * Feed it every line between the start of a load and the end of context creation; one load at a time.
 */
export class LoadLog {
  /** Device of each layer, the output layer last. */
  readonly layers = new Map<number, string>();
  /** Bytes of caches by the device of their layers, which are told even where no memory is taken. */
  readonly caches = new Map<string, number>();
  readonly #cacheLayers: string[] = [];
  readonly #buffers = new Map<string, LoggedBuffer>();
  readonly #errors: string[] = [];
  readonly #warnings: string[] = [];

  /** Takes one line. */
  line(level: LlamaLogLevel, line: string): void {
    if (level === 'error') this.#errors.push(line);
    if (level === 'warn') this.#warnings.push(line);
    const layer = layerLine.exec(line);
    if (layer?.[1] !== undefined && layer[2] !== undefined)
      this.layers.set(Number(layer[1]), layer[2]);
    this.#cacheLine(line);
    const buffer = bufferLine.exec(line);
    if (buffer?.[1] === undefined || buffer[3] === undefined) return;
    const [, type, kind = ''] = buffer;
    const holds = classes[kind];
    if (holds === undefined) return;
    const bytes = Math.round(Number(buffer[3]) * 1024 * 1024);
    const key = `${type} ${kind}`;
    // Weights and caches of one type may come in several buffers; a compute buffer reserved again replaces the first.
    const before = holds === 'compute' ? 0 : (this.#buffers.get(key)?.bytes ?? 0);
    this.#buffers.set(key, { type, holds, bytes: before + bytes });
  }

  /** The layers of a cache come line by line, then its size; all of its layers are of one size. */
  #cacheLine(line: string): void {
    const device = cacheLayerLine.exec(line)?.[1];
    if (device !== undefined) this.#cacheLayers.push(device);
    const size = cacheSizeLine.exec(line)?.[1];
    if (size === undefined) return;
    const layers = this.#cacheLayers.splice(0);
    const each = (Number(size) * 1024 * 1024) / Math.max(1, layers.length);
    for (const layer of layers) this.caches.set(layer, (this.caches.get(layer) ?? 0) + each);
  }

  /** Every buffer so far. */
  get buffers(): readonly LoggedBuffer[] {
    return [...this.#buffers.values()];
  }

  /** Every error line. */
  get errors(): string {
    return this.#errors.join('\n');
  }

  /** The last error lines, or the last warnings where there is no error; for the message of a failed load. */
  get complaint(): string {
    const lines = this.#errors.length > 0 ? this.#errors : this.#warnings;
    return lines.slice(-3).join('; ');
  }
}
