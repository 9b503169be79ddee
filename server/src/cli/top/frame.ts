import { humanBytes, renderTable } from '../table.js';
import { type DeviceRow, type EngineRow, type Frame, type ModelRow } from './snapshot.js';

/** A frame for people: models, devices, and the engine processes if there are several or one has died. */
export function frameText({ models, devices, engines }: Frame): string {
  const restarted = engines.some(({ up, restarts }) => !up || restarts > 0);
  const modelTable = renderTable(
    [
      'MODEL',
      'STATE',
      'STREAMS',
      'TOKENS/S',
      'PROMPT/S',
      'ACCEPTED',
      'LENGTH',
      'STEP',
      'KV',
      'BYTES',
    ],
    models.map(modelCells),
  );
  const deviceTable = renderTable(['DEVICE', 'TOTAL', 'FREE', 'MODELS'], devices.map(deviceCells));
  const engineTable = renderTable(['ENGINE', 'STATE', 'RESTARTS'], engines.map(engineCells));
  return [
    models.length === 0 ? 'no models are loaded\n' : modelTable,
    ...(devices.length === 0 ? [] : [deviceTable]),
    ...(engines.length > 1 || restarted ? [engineTable] : []),
  ].join('\n');
}

function modelCells(row: ModelRow): string[] {
  const waiting = row.waiting > 0 ? ` + ${row.waiting} queued` : '';
  const drafting = row.drafting > 0 ? `drafts for ${row.drafting}` : '';
  const idle = row.running === 0 && waiting === '';
  const held = Object.entries(row.bytes).map(([device, bytes]) => `${device} ${humanBytes(bytes)}`);
  return [
    row.model,
    row.state,
    idle && drafting !== '' ? drafting : `${row.running}${waiting}`,
    row.tokensPerSecond.toFixed(1),
    row.promptTokensPerSecond.toFixed(1),
    row.acceptanceRate === undefined ? '-' : percent(row.acceptanceRate),
    row.meanAcceptanceLength?.toFixed(2) ?? '-',
    row.stepMs === undefined ? '-' : `${row.stepMs.toFixed(1)} ms`,
    row.kvUse === undefined ? '-' : percent(row.kvUse),
    held.join(', ') || '-',
  ];
}

function deviceCells({ device, totalBytes, freeBytes, modelBytes }: DeviceRow): string[] {
  return [device, humanBytes(totalBytes), humanBytes(freeBytes), humanBytes(modelBytes)];
}

function engineCells({ engine, up, restarts }: EngineRow): string[] {
  return [engine, up ? 'running' : 'restarting', String(restarts)];
}

function percent(part: number): string {
  return `${(100 * part).toFixed(0)} %`;
}
