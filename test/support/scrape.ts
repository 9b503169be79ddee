import { type Exposition, readExposition } from '../../server/src/cli/top/exposition.js';

type Labels = Readonly<Record<string, string>>;

/** What an admin port shows at one moment. */
export class Scraped {
  readonly text: string;
  readonly metrics: Exposition;

  constructor(text: string) {
    this.text = text;
    this.metrics = readExposition(text);
  }

  /** Sum of the samples with these labels; undefined when there is none. */
  value(name: string, labels: Labels = {}): number | undefined {
    const found = (this.metrics.get(name) ?? []).filter(sample =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
    return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
  }

  /** Values in the order of a label that counts from 0. */
  byPosition(name: string, labels: Labels): number[] {
    const values: number[] = [];
    for (let position = 0; ; position++) {
      const value = this.value(name, { ...labels, position: String(position) });
      if (value === undefined) return values;
      values.push(value);
    }
  }
}

/** Reads `/metrics`. @throws Error unless it answers 200 */
export async function scrape(admin: string | undefined): Promise<Scraped> {
  const response = await fetch(`http://${admin ?? ''}/metrics`);
  if (!response.ok) throw new Error(`/metrics answers ${response.status}`);
  return new Scraped(await response.text());
}

/** Scrapes until the condition holds; the test's own timeout ends the wait. */
export async function scrapeUntil(
  admin: string | undefined,
  holds: (scraped: Scraped) => boolean,
): Promise<Scraped> {
  for (;;) {
    const scraped = await scrape(admin);
    if (holds(scraped)) return scraped;
  }
}
