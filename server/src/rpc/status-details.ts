import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { ErrorInfo, type RichServerError } from 'nice-grpc-error-details';

/** The `grpc-status-details-bin` trailer of a failure that has only an ErrorInfo, for statuses sent past the middleware. */
export function encodeStatusDetails(error: RichServerError): Buffer {
  const status = new BinaryWriter().uint32(8).int32(error.code).uint32(18).string(error.details);
  for (const detail of error.extra) {
    if (detail.$type !== ErrorInfo.$type) throw new Error(`cannot encode ${detail.$type} here`);
    status.uint32(26).fork();
    status.uint32(10).string(`type.googleapis.com/${ErrorInfo.$type}`);
    status.uint32(18).bytes(ErrorInfo.encode(detail).finish()).join();
  }
  return Buffer.from(status.finish());
}
