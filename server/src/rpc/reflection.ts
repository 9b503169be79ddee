import { readFileSync } from 'node:fs';
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { type ServiceImplementation } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { SERVICE_NAMES } from './health.js';
import { orStandIn } from './unreadable-requests.js';

const { serverReflectionInfo } = ServerReflectionService;

/**
 * The reflection service, whose requests are read here first: the decoder that its library brings loops without end on a
 * length that is not one, which six bytes from anybody are enough for.
 */
export const REFLECTION_SERVICE = {
  ...ServerReflectionService,
  serverReflectionInfo: {
    ...serverReflectionInfo,
    requestDeserialize: orStandIn((bytes: Uint8Array) =>
      serverReflectionInfo.requestDeserialize(Buffer.from(wellFormed(bytes, REQUEST))),
    ),
  },
};

/** Tells the services of the contract and health from the descriptors beside the built files. */
export function reflection(): ServiceImplementation<typeof ServerReflectionService> {
  // Two sets of descriptors in a row are one with the files of both.
  const descriptors = Buffer.concat(
    ['descriptors.binpb', 'health.binpb'].map(name =>
      readFileSync(new URL(`../../${name}`, import.meta.url)),
    ),
  );
  return ServerReflection(descriptors, [...SERVICE_NAMES, HealthDefinition.fullName]);
}

type Fields = ReadonlyMap<number, 'string' | 'int32' | Fields>;

// grpc.reflection.v1.ServerReflectionRequest; field 5 is an ExtensionRequest.
const REQUEST: Fields = new Map<number, 'string' | Fields>([
  [1, 'string'],
  [3, 'string'],
  [4, 'string'],
  [
    5,
    new Map([
      [1, 'string'],
      [2, 'int32'],
    ]),
  ],
  [6, 'string'],
  [7, 'string'],
]);

/** The known fields of a message, written anew. @throws Error when it is no message */
function wellFormed(bytes: Uint8Array, fields: Fields): Uint8Array {
  const reader = new BinaryReader(bytes);
  const writer = new BinaryWriter();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    const field = fields.get(number);
    if (field === 'int32' && type === WireType.Varint) {
      writer.tag(number, type).int32(reader.int32());
    } else if (field === undefined || field === 'int32' || type !== WireType.LengthDelimited) {
      reader.skip(type, number);
    } else if (field === 'string') {
      writer.tag(number, type).string(reader.string());
    } else {
      writer.tag(number, type).bytes(wellFormed(reader.bytes(), field));
    }
  }
  return writer.finish();
}
