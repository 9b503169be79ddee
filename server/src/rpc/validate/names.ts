import { type Issues } from '../../registry/issues.js';
import { canonicalName } from '../../registry/model-name.js';

/** Checks a name with or without `models/`. */
export function checkModelName(field: string, name: string, issues: Issues): void {
  if (name === '') issues.invalid(field, 'is missing; give the name of a model');
  else if (canonicalName(name) === undefined) {
    issues.invalid(
      field,
      `${quoted(name)} is no model name; 1 to 63 of A-Z a-z 0-9 . _ - are, a letter or digit first`,
    );
  }
}

/** A caller's text as it may stand in a message: short and well-formed. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
