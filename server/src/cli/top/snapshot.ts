import { type Exposition, type Sample } from './exposition.js';

/** One model in a frame. Rates are of the time between two scrapes; unset where nothing happened in it. */
export interface ModelRow {
  readonly model: string;
  /** Lower case, for example `ready`. */
  readonly state: string;
  readonly running: number;
  readonly waiting: number;
  /** Streams that it drafts for. */
  readonly drafting: number;
  readonly tokensPerSecond: number;
  readonly promptTokensPerSecond: number;
  /** Accepted of the verified drafted tokens, 0 to 1. */
  readonly acceptanceRate?: number;
  /** Tokens per step that verified a draft, the target's own included. */
  readonly meanAcceptanceLength?: number;
  /** Mean time of a step, in milliseconds. */
  readonly stepMs?: number;
  /** Part of the KV cache in use, 0 to 1; unset while the model holds none. */
  readonly kvUse?: number;
  /** What it holds on each device. */
  readonly bytes: Readonly<Record<string, number>>;
}

/** One device in a frame. */
export interface DeviceRow {
  readonly device: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** Held by models of this server. */
  readonly modelBytes: number;
}

/** One engine process in a frame. */
export interface EngineRow {
  readonly engine: string;
  readonly up: boolean;
  readonly restarts: number;
}

/** What `outrider top` shows at one moment. */
export interface Frame {
  readonly models: readonly ModelRow[];
  readonly devices: readonly DeviceRow[];
  readonly engines: readonly EngineRow[];
}

/** A frame of the present, with rates since an earlier scrape `seconds` ago. */
export function frameOf(before: Exposition, now: Exposition, seconds: number): Frame {
  const models = labelsOf(now, 'outrider_num_requests_running', 'model');
  const devices = labelsOf(now, 'outrider_device_memory_bytes', 'device');
  return {
    models: models.map(model => modelRow(model, before, now, seconds)),
    devices: devices.map(device => ({
      device,
      totalBytes: sum(now, 'outrider_device_memory_bytes', { device, kind: 'total' }) ?? 0,
      freeBytes: sum(now, 'outrider_device_memory_bytes', { device, kind: 'free' }) ?? 0,
      modelBytes: sum(now, 'outrider_model_memory_bytes', { device }) ?? 0,
    })),
    engines: samples(now, 'outrider_engine_up').map(({ labels: { engine = '' }, value }) => ({
      engine,
      up: value === 1,
      restarts: sum(now, 'outrider_engine_restarts_total', { engine }) ?? 0,
    })),
  };
}

function modelRow(model: string, before: Exposition, now: Exposition, seconds: number): ModelRow {
  const gauge = (name: string) => sum(now, name, { model });
  const growth = (name: string) => {
    const [was, is] = [sum(before, name, { model }) ?? 0, gauge(name) ?? 0];
    // Counters that have become smaller belong to a server that has begun anew.
    return is < was ? is : is - was;
  };
  const accepted = growth('outrider_spec_decode_num_accepted_tokens_total');
  const drafted = growth('outrider_spec_decode_num_draft_tokens_total');
  const drafts = growth('outrider_spec_decode_num_drafts_total');
  const steps = growth('outrider_step_seconds_count');
  const kvUse = gauge('outrider_kv_cache_usage_perc');
  return {
    model,
    state: stateOf(now, model),
    running: gauge('outrider_num_requests_running') ?? 0,
    waiting: gauge('outrider_num_requests_waiting') ?? 0,
    drafting: gauge('outrider_num_drafts_running') ?? 0,
    tokensPerSecond: growth('outrider_generation_tokens_total') / seconds,
    promptTokensPerSecond: growth('outrider_prompt_tokens_total') / seconds,
    ...(drafted > 0 ? { acceptanceRate: accepted / drafted } : {}),
    ...(drafts > 0 ? { meanAcceptanceLength: 1 + accepted / drafts } : {}),
    ...(steps > 0 ? { stepMs: (1000 * growth('outrider_step_seconds_sum')) / steps } : {}),
    ...(kvUse === undefined ? {} : { kvUse }),
    bytes: Object.fromEntries(
      labelsOf(now, 'outrider_model_memory_bytes', 'device', { model }).map(device => [
        device,
        sum(now, 'outrider_model_memory_bytes', { model, device }) ?? 0,
      ]),
    ),
  };
}

function stateOf(now: Exposition, model: string): string {
  const present = samples(now, 'outrider_model_state', { model }).find(({ value }) => value === 1);
  return present?.labels['state'] ?? 'unknown';
}

type Labels = Readonly<Record<string, string>>;

function samples(metrics: Exposition, name: string, wanted: Labels = {}): Sample[] {
  const all = metrics.get(name) ?? [];
  return all.filter(({ labels }) =>
    Object.entries(wanted).every(([label, value]) => labels[label] === value),
  );
}

/** Undefined when there is no such sample. */
function sum(metrics: Exposition, name: string, wanted: Labels): number | undefined {
  const found = samples(metrics, name, wanted);
  return found.length === 0 ? undefined : found.reduce((total, { value }) => total + value, 0);
}

function labelsOf(metrics: Exposition, name: string, label: string, wanted: Labels = {}): string[] {
  return [...new Set(samples(metrics, name, wanted).map(({ labels }) => labels[label] ?? ''))];
}
