import { DRAFT_QUALITIES, TARGET_TYPES } from './pairs.js';
import { type Drafting, type Server, type Setting, settingName } from './settings.js';
import { type GroupSummary, type SettingSummary } from './summary.js';

const PANEL = { width: 430, height: 190, left: 48, top: 34, gap: 28 };
const LEGEND_LINE = 18;

/** Of a server: light where it is plain, dark where it drafts. */
const COLOURS: Readonly<Record<Server, readonly [string, string, string, string]>> = {
  'llama-server': ['#d9d9d9', '#d9d9d9', '#a6a6a6', '#737373'],
  prebuilt: ['#fdd0a2', '#d94801', '#fdae6b', '#fd8d3c'],
  same: ['#c6dbef', '#08519c', '#9ecae1', '#6baed6'],
};
const SHADES: readonly Drafting[] = ['plain', 'auto', 3, 7];

/**
 * Median tokens per second as bars, with their quartiles: a row of panels per target type, a column per
 * temperature, in each panel the drafts, in each of these the settings. Every panel has its own scale.
 */
export function plotBars(groups: readonly GroupSummary[]): string {
  const temperatures = [...new Set(groups.map(({ temperature }) => temperature))];
  const types = TARGET_TYPES.filter(type => groups.some(({ pair }) => pair.target === type));
  const settings = groups[0]?.settings.map(({ setting }) => setting) ?? [];
  const legendHeight = LEGEND_LINE * Math.ceil(settings.length / 3) + 12;
  const width = PANEL.left + temperatures.length * (PANEL.width + PANEL.gap);
  const height = legendHeight + types.length * (PANEL.height + PANEL.top + PANEL.gap);

  const panels = types.flatMap((type, row) =>
    temperatures.map((temperature, column) => {
      const shown = groups.filter(
        group => group.pair.target === type && group.temperature === temperature,
      );
      const x = PANEL.left + column * (PANEL.width + PANEL.gap);
      const y = legendHeight + PANEL.top + row * (PANEL.height + PANEL.top + PANEL.gap);
      return panelAt(x, y, `${type} target, temperature ${temperature}`, shown);
    }),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    '<title>Tokens per second by target, draft and setting</title>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...settings.map((setting, i) => legendEntry(setting, i)),
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function legendEntry(setting: Setting, index: number): string {
  const x = PANEL.left + (index % 3) * 230;
  const y = 8 + LEGEND_LINE * Math.floor(index / 3);
  return (
    `<rect x="${x}" y="${y}" width="12" height="12" fill="${colourOf(setting)}"/>` +
    `<text x="${x + 18}" y="${y + 10}">${settingName(setting)}</text>`
  );
}

function panelAt(x: number, y: number, title: string, groups: readonly GroupSummary[]): string {
  const highest = Math.max(
    1,
    ...groups.flatMap(({ settings }) => settings.map(one => one.tokensPerSecond.upper)),
  );
  const top = niceCeiling(highest);
  const scale = PANEL.height / top;
  const places = DRAFT_QUALITIES.filter(quality =>
    groups.some(({ pair }) => pair.draft === quality),
  );
  const place = PANEL.width / Math.max(places.length, 1);
  const bars = places.flatMap((quality, i) => {
    const group = groups.find(({ pair }) => pair.draft === quality);
    const middle = (i + 0.5) * place;
    const label = `<text x="${round(middle)}" y="${PANEL.height + 16}" text-anchor="middle">${quality} draft</text>`;
    return [label, ...barsOf(group?.settings ?? [], i * place, place, scale)];
  });
  return [
    `<g transform="translate(${x} ${y})">`,
    `<text y="-10" font-weight="bold">${title}</text>`,
    ...[0, top / 2, top].map(value => gridLine(value, scale)),
    ...bars,
    '</g>',
  ].join('\n');
}

function gridLine(value: number, scale: number): string {
  const y = round(PANEL.height - value * scale);
  return (
    `<line x1="0" x2="${PANEL.width}" y1="${y}" y2="${y}" stroke="#cccccc"/>` +
    `<text x="-6" y="${y + 4}" text-anchor="end">${value}</text>`
  );
}

function barsOf(
  settings: readonly SettingSummary[],
  start: number,
  place: number,
  scale: number,
): string[] {
  const slot = (0.86 * place) / Math.max(settings.length, 1);
  return settings.map(({ setting, tokensPerSecond: { median, lower, upper } }, i) => {
    const x = start + 0.07 * place + i * slot;
    const at = (value: number): number => round(PANEL.height - value * scale);
    const middle = round(x + 0.45 * slot);
    return (
      `<rect x="${round(x)}" y="${at(median)}" width="${round(0.9 * slot)}" height="${round(median * scale)}" fill="${colourOf(setting)}">` +
      `<title>${settingName(setting)}: ${median.toFixed(1)} tokens/s</title></rect>` +
      `<line x1="${middle}" x2="${middle}" y1="${at(upper)}" y2="${at(lower)}" stroke="#333333"/>`
    );
  });
}

function colourOf({ server, drafting }: Setting): string {
  return COLOURS[server][SHADES.indexOf(drafting)] ?? '#000000';
}

/** The next 1, 2 or 5 times a power of ten, or 4 times, so that halves are whole. */
function niceCeiling(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8].find(step => step * power >= value) ?? 10) * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
