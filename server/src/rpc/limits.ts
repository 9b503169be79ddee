import { type ModelRecord } from '../registry/record.js';
import { type ModelLimits } from './validate/generate.js';

/** What requests to a model are measured against; undefined unless it was loaded. */
export function limitsOf(record: ModelRecord | undefined): ModelLimits | undefined {
  if (record?.loaded === undefined) return undefined;
  const { options, info } = record.loaded;
  return {
    contextLength: options.contextLength ?? info.trainedContextLength,
    vocabularySize: info.vocabularySize,
    microBatchSize: options.microBatchSize ?? 512,
  };
}
