import type * as wire from '../proto.js';
import { type PlanOptions } from '../types/load.js';
import { type ModelSource } from '../types/model.js';
import { role, unavailablePolicy } from './enums.js';
import { readPlacement, writePlacement } from './placement.js';
import { refuse, refuseUnknown, textOrAbsent, withoutAbsent } from './presence.js';
import { readRuntimeOptions, writeRuntimeOptions } from './runtime-options.js';

/** A load as it is sent. @throws InvalidRequestError for unknown options and values */
export function writeLoadRequest(request: PlanOptions): wire.LoadModelRequest {
  const {
    id,
    path,
    uri,
    sha256,
    role: as,
    placement,
    options,
    draftFor,
    onUnavailable,
    replace,
    detached,
    skipMemoryCheck,
    engine,
    ...unknown
  } = request;
  refuseUnknown(unknown, '');
  return {
    modelId: id ?? '',
    source: writeSource({ path, uri, sha256 }),
    role: role.write(as, 'role'),
    placement: placement && writePlacement(placement, 'placement'),
    options: options && writeRuntimeOptions(options, 'options'),
    draftFor: draftFor ?? '',
    onUnavailable: unavailablePolicy.write(onUnavailable, 'onUnavailable'),
    replace: replace ?? false,
    detached: detached ?? false,
    skipMemoryCheck: skipMemoryCheck ?? false,
    engine: engine ?? '',
  };
}

/** The inverse of {@link writeLoadRequest}; what is not set is left out. */
export function readLoadRequest(request: wire.LoadModelRequest): PlanOptions {
  return withoutAbsent({
    id: textOrAbsent(request.modelId),
    ...(request.source && readSource(request.source)),
    role: role.read(request.role),
    placement: request.placement && readPlacement(request.placement),
    options: request.options && readRuntimeOptions(request.options),
    draftFor: textOrAbsent(request.draftFor),
    onUnavailable: unavailablePolicy.read(request.onUnavailable),
    replace: request.replace || undefined,
    detached: request.detached || undefined,
    skipMemoryCheck: request.skipMemoryCheck || undefined,
    engine: textOrAbsent(request.engine),
  });
}

/** A source as it is sent; undefined when there is none, which the server refuses where one is needed. */
export function writeSource({ path, uri, sha256 }: ModelSource): wire.ModelSource | undefined {
  if (path !== undefined && uri !== undefined) refuse('uri', 'path and uri exclude each other');
  if (path === undefined && uri === undefined && sha256 === undefined) return undefined;
  return { source: writeLocation(path, uri), sha256: sha256 ?? '' };
}

/** Where a model came from. */
export function readSource({ source, sha256 }: wire.ModelSource): ModelSource {
  return withoutAbsent({
    path: source?.$case === 'path' ? source.value : undefined,
    uri: source?.$case === 'uri' ? source.value : undefined,
    sha256: textOrAbsent(sha256),
  });
}

function writeLocation(
  path: string | undefined,
  uri: string | undefined,
): wire.ModelSource['source'] {
  if (path !== undefined) return { $case: 'path', value: path };
  return uri === undefined ? undefined : { $case: 'uri', value: uri };
}
