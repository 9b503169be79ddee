import { CodedError, type FieldViolation, type Reason } from '../coded-error.js';

/** One thing that is wrong with a request. */
export interface Issue extends FieldViolation {
  readonly reason: Reason;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Collects what is wrong, so that a caller hears all of it at once. */
export class Issues {
  readonly #found: Issue[] = [];

  add(issue: Issue): void {
    this.#found.push(issue);
  }

  /** Adds an `INVALID_FIELD`. */
  invalid(field: string, description: string): void {
    this.#found.push({ reason: 'INVALID_FIELD', field, description });
  }

  /** Nothing wrong so far. */
  get none(): boolean {
    return this.#found.length === 0;
  }

  /** Nothing is wrong with the fields; the machine does not have what they ask for. */
  get onlyStates(): boolean {
    return this.#found.length > 0 && this.#found.every(issue => STATES.has(issue.reason));
  }

  /** All of it in one line. */
  get summary(): string {
    return this.#found.map(({ description }) => description).join('; ');
  }

  /**
   * Does nothing when there are none.
   * @throws CodedError of the first reason that stands for a wrong field, with all violations; else of the first reason
   */
  throwIfAny(): void {
    const wrong = this.#found.filter(issue => !STATES.has(issue.reason));
    // A request with several faults is an invalid one; the narrower reasons are for when they stand alone.
    const first = wrong.find(issue => issue.reason === 'INVALID_FIELD') ?? wrong[0];
    const chosen = first ?? this.#found[0];
    if (chosen === undefined) return;
    const others = wrong.length - 1;
    const more = others > 0 ? ` (and ${others} more)` : '';
    throw new CodedError(chosen.reason, `${chosen.field}: ${chosen.description}${more}`, {
      metadata: chosen.metadata ?? {},
      violations: wrong.map(({ field, description }) => ({ field, description })),
    });
  }
}

/** Reasons that speak of the machine's state rather than of a wrong field. */
const STATES = new Set<Reason>(['BACKEND_UNAVAILABLE']);
