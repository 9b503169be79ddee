import { Issues } from '../registry/issues.js';

/** Which page is asked for. */
export interface PageRequest {
  /** 0: the default. */
  readonly pageSize: number;
  /** Empty: the first page. */
  readonly pageToken: string;
}

/** One page, and the token of the next; empty on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextPageToken: string;
}

/**
 * Cuts a page out of named items, in the order of their names. A page stays right when items come and go.
 * @throws CodedError INVALID_FIELD
 */
export function page<T extends { readonly name: string }>(
  all: readonly T[],
  { pageSize, pageToken }: PageRequest,
): Page<T> {
  const issues = new Issues();
  if (pageSize > LARGEST) issues.invalid('page_size', `${pageSize} is above ${LARGEST}`);
  const after = Buffer.from(pageToken, 'base64url').toString();
  if (Buffer.from(after).toString('base64url') !== pageToken) {
    issues.invalid('page_token', 'is not the next_page_token of a page before');
  }
  issues.throwIfAny();

  const rest = [...all].sort(byName).filter(({ name }) => name > after);
  const items = rest.slice(0, pageSize || USUAL);
  const last = items.at(-1);
  const nextPageToken =
    last === undefined || items.length === rest.length
      ? ''
      : Buffer.from(last.name).toString('base64url');
  return { items, nextPageToken };
}

const LARGEST = 1000;
const USUAL = 100;

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
