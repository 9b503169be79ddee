import { CodedError } from '../coded-error.js';

/** A refusal of wrong fields with those of another one beside them; a field is told once. */
export function joinFaults(refusal: CodedError, other: CodedError): CodedError {
  const told = new Set(refusal.violations.map(({ field }) => field));
  const added = other.violations.filter(({ field }) => !told.has(field));
  if (added.length === 0) return refusal;
  const message = `${refusal.message} (and ${added.length} more of its placement)`;
  return new CodedError(refusal.reason, message, {
    metadata: refusal.metadata,
    violations: [...refusal.violations, ...added],
    cause: refusal.cause,
  });
}
