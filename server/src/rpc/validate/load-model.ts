import {
  type LoadModelRequest,
  type ModelSource,
  Role,
  UnavailablePolicy,
} from '@outrider/sdk/proto';
import { notSupported } from '../../coded-error.js';
import { Issues } from '../../registry/issues.js';
import { canonicalName, MODEL_ID } from '../../registry/model-name.js';
import { embeddedPath } from '../../registry/source.js';
import { checkModelName, quoted } from './names.js';
import { checkOptions } from './options.js';
import { checkPlacement } from './placement.js';

/**
 * Checks every field of a load at once. Device names are left to the placement, which knows them.
 * @throws CodedError INVALID_FIELD, NOT_SUPPORTED
 */
export function validateLoad(request: LoadModelRequest): void {
  const issues = new Issues();
  if (request.modelId === '') issues.invalid('model_id', 'is missing; give the model an id');
  else if (!MODEL_ID.test(request.modelId)) {
    const text = `${quoted(request.modelId)} is no id; 1 to 63 of A-Z a-z 0-9 . _ - are, a letter or digit first`;
    issues.invalid('model_id', text);
  }
  checkSource(request.source, issues);
  checkPlacement(request.placement, issues);
  checkOptions(request.options, issues);
  checkPairing(request, issues);
  checkEngine(request.engine, issues);
  issues.throwIfAny();
  refuseUnsupported(request);
}

const knownUri = /^(hf:.|https:\/\/.|embedded:(target|draft)$)/;

function checkSource(source: ModelSource | undefined, issues: Issues): void {
  const from = source?.source;
  if (from === undefined) {
    issues.invalid('source', 'is missing; give a path or a uri');
  } else if (from.value === '') {
    issues.invalid(`source.${from.$case}`, 'is empty');
  } else if (from.$case === 'uri' && !knownUri.test(from.value)) {
    const text = `${quoted(from.value)} is no source; hf:…, https://…, embedded:target and embedded:draft are`;
    issues.invalid('source.uri', text);
  }
  const sha256 = source?.sha256 ?? '';
  if (sha256 !== '' && !/^[0-9a-f]{64}$/i.test(sha256)) {
    issues.invalid('source.sha256', `${quoted(sha256)} is no SHA-256; 64 hex digits are`);
  }
}

function checkPairing(request: LoadModelRequest, issues: Issues): void {
  const { role, draftFor, onUnavailable, modelId } = request;
  if (role === Role.UNRECOGNIZED) issues.invalid('role', 'is not a known role');
  if (onUnavailable === UnavailablePolicy.UNRECOGNIZED) {
    issues.invalid('on_unavailable', 'is not a known policy');
  }
  if (draftFor === '') {
    if (onUnavailable !== UnavailablePolicy.UNSPECIFIED) {
      issues.invalid('on_unavailable', 'goes only with draft_for');
    }
    return;
  }
  checkModelName('draft_for', draftFor, issues);
  const target = canonicalName(draftFor);
  if (target !== undefined && target === canonicalName(modelId)) {
    issues.invalid('draft_for', 'a model cannot draft for itself; load it under two ids');
  }
}

function checkEngine(engine: string, issues: Issues): void {
  if (engine === '' || MODEL_ID.test(engine)) return;
  const text = `${quoted(engine)} is no engine name; 1 to 63 of A-Z a-z 0-9 . _ - are, a letter or digit first`;
  issues.invalid('engine', text);
}

function refuseUnsupported(request: LoadModelRequest): void {
  const from = request.source?.source;
  if (from?.$case === 'uri' && embeddedPath(from.value) === undefined) {
    throw notSupported('source.uri', 'give a path, "embedded:target" or "embedded:draft" instead');
  }
}
