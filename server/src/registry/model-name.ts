import { CodedError } from '../coded-error.js';

/** Form of a model id, and of an engine's name. */
export const MODEL_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** `models/{id}` for a name with or without its prefix; undefined for what can be no name. */
export function canonicalName(given: string): string | undefined {
  const id = given.startsWith('models/') ? given.slice('models/'.length) : given;
  return MODEL_ID.test(id) ? `models/${id}` : undefined;
}

/** The refusal of a name that no model has. */
export function modelNotFound(name: string): CodedError {
  return new CodedError('MODEL_NOT_FOUND', `there is no model ${name}`, {
    metadata: { model: name },
  });
}
