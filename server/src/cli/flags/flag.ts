/** One option of the command line under its full name. Its environment variable is derived from that name. */
export interface Flag {
  /** Long name without dashes, for example `ctx-size`. */
  readonly name: string;
  /** Every other spelling with its dashes, for example `-c`. @default [] */
  readonly aliases?: readonly string[];
  /** Placeholder of the value in the help; a flag without one is a switch. */
  readonly value?: string;
  /** May be given several times, every value counts. @default false: the last one counts */
  readonly repeatable?: boolean;
  /** The value is a list between commas. @default false */
  readonly commas?: boolean;
  /** Spellings after which several bare numbers may follow, as in KoboldCPP. @default [] */
  readonly spreading?: readonly string[];
  /** One line for the help. */
  readonly help: string;
}

/** A flag that sets one field of a message. */
export interface FieldFlag<Message> extends Flag {
  /**
   * Writes the value into the message. A switch that is on comes as `true`; one that is off does not come.
   * @throws CommandFailure USAGE when the text is not such a value
   */
  readonly set: (into: Message, text: string) => void;
}

/** Environment variable of a flag: `--ctx-size` is `OUTRIDER_CTX_SIZE`. */
export function environmentName(flag: string): string {
  return `OUTRIDER_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** A flag that target and draft each have for themselves; the draft's long name has `-draft` behind it. */
export interface PairedFlag<Message> extends FieldFlag<Message> {
  /** Other spellings of the draft's flag. */
  readonly draftAliases: readonly string[];
  /** As `spreading`, for the draft's flag. @default [] */
  readonly draftSpreading?: readonly string[];
}
