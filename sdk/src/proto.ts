/** The raw contract: protobuf messages, codecs and service definitions, as generated from `proto/outrider/v1`. */
export * from './gen/outrider/v1/device_info.js';
export * from './gen/outrider/v1/generate.js';
export * from './gen/outrider/v1/load_model.js';
export * from './gen/outrider/v1/model.js';
export * from './gen/outrider/v1/placement.js';
export * from './gen/outrider/v1/speculation.js';
export { type ServerStreamingMethodResult } from './gen/outrider/v1/generate.js';
