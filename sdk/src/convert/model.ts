import * as wire from '../proto.js';
import { type DraftPairing, type Model, type Warning } from '../types/model.js';
import { modelState, offReason, role } from './enums.js';
import { readSource, writeSource } from './load-request.js';
import {
  readEffectivePlacement,
  readPlacement,
  writeEffectivePlacement,
  writePlacement,
} from './placement.js';
import { textOrAbsent } from './presence.js';
import { readRuntimeOptions, writeRuntimeOptions } from './runtime-options.js';

/** A model as the server describes it. */
export function readModel(model: wire.Model): Model {
  return {
    ...model,
    state: modelState.read(model.state),
    role: role.read(model.role),
    source: model.source ? readSource(model.source) : {},
    options: model.options ? readRuntimeOptions(model.options) : {},
    requestedPlacement: model.requestedPlacement && readPlacement(model.requestedPlacement),
    placement: model.placement && readEffectivePlacement(model.placement),
    vocabularyFingerprint: textOrAbsent(model.vocabularyFingerprint),
    defaultDraft: model.defaultDraft && readPairing(model.defaultDraft),
    warnings: model.warnings.map(readWarning),
  };
}

/** The inverse of {@link readModel}; what is left out is empty. */
export function writeModel(model: Partial<Model>): wire.Model {
  const blank = wire.Model.create();
  return {
    ...blank,
    ...model,
    state: modelState.write(model.state, 'state'),
    stateError: model.stateError,
    role: role.write(model.role, 'role'),
    source: writeSource(model.source ?? {}),
    options: model.options && writeRuntimeOptions(model.options, 'options'),
    requestedPlacement:
      model.requestedPlacement && writePlacement(model.requestedPlacement, 'requestedPlacement'),
    placement: model.placement && writeEffectivePlacement(model.placement),
    info: model.info,
    vocabularyFingerprint: model.vocabularyFingerprint ?? '',
    loadTime: model.loadTime,
    defaultDraft: model.defaultDraft && writePairing(model.defaultDraft),
    warnings: (model.warnings ?? []).map(writeWarning),
  };
}

/** Something that deserves a look. */
export function readWarning(warning: wire.Warning): Warning {
  return { ...warning, field: textOrAbsent(warning.field) };
}

function writeWarning(warning: Warning): wire.Warning {
  return { ...warning, field: warning.field ?? '' };
}

function readPairing(pairing: wire.DraftPairing): DraftPairing {
  return {
    ...pairing,
    offReason: offReason.read(pairing.offReason),
    detail: textOrAbsent(pairing.detail),
  };
}

function writePairing(pairing: DraftPairing): wire.DraftPairing {
  return {
    ...pairing,
    offReason: offReason.write(pairing.offReason, 'offReason'),
    detail: pairing.detail ?? '',
  };
}
