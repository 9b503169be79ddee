import { type Status } from 'nice-grpc';
import { ErrorInfo, RichServerError } from 'nice-grpc-error-details';
import { runCommandLine } from '../../../server/src/cli/program.js';
import { type Answers, fakeService } from './fake-service.js';
import { recordingIo, type RecordingOptions } from './recording-io.js';

/** Runs one command against a service that answers as told. */
export async function outrider(
  answers: Answers,
  argv: readonly string[],
  options: RecordingOptions = {},
): Promise<{ exit: number; out: string; err: string }> {
  await using service = await fakeService(answers);
  const io = recordingIo(options);
  const exit = await runCommandLine([...argv, '--address', service.address], io);
  return { exit, out: io.out, err: io.err };
}

/** Every line of an output as JSON. */
export function jsonLines(out: string): unknown[] {
  return out
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as unknown);
}

/** A refusal as the server sends it. */
export function refusal(status: Status, reason: string, message: string): RichServerError {
  return new RichServerError(status, message, [ErrorInfo.fromPartial({ reason })]);
}
