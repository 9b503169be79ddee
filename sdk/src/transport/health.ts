import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';

/** The status that means healthy in `grpc.health.v1`. */
export const SERVING = 1;

/** Asks for the health of a service; empty: of the server. */
export interface HealthCheckRequest {
  /** Full name of the service. */
  readonly service: string;
}

/** Health of a service. */
export interface HealthCheckResponse {
  /** {@link SERVING}, or any other number for not serving. */
  readonly status: number;
}

const request = {
  encode: ({ service }: HealthCheckRequest) =>
    new BinaryWriter().uint32(10).string(service).finish(),
  decode: (bytes: Uint8Array): HealthCheckRequest => {
    const reader = new BinaryReader(bytes);
    let service = '';
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === 1) service = reader.string();
      else reader.skip(type);
    }
    return { service };
  },
};

const response = {
  encode: ({ status }: HealthCheckResponse) => new BinaryWriter().uint32(8).int32(status).finish(),
  decode: (bytes: Uint8Array): HealthCheckResponse => {
    const reader = new BinaryReader(bytes);
    let status = 0;
    while (reader.pos < reader.len) {
      const [field, type] = reader.tag();
      if (field === 1) status = reader.int32();
      else reader.skip(type);
    }
    return { status };
  },
};

const codecs = {
  requestStream: false,
  requestSerialize: request.encode,
  requestDeserialize: request.decode,
  responseSerialize: response.encode,
  responseDeserialize: response.decode,
  options: {},
} as const;

/** The standard health service. */
export const HealthDefinition = {
  check: { path: '/grpc.health.v1.Health/Check', responseStream: false, ...codecs },
  watch: { path: '/grpc.health.v1.Health/Watch', responseStream: true, ...codecs },
} as const;
