import { type Speculation } from './speculation.js';

/** Who speaks. */
export type ChatRole = 'system' | 'user' | 'assistant';

/** One message of a conversation. A final `assistant` message is continued. */
export interface ChatMessage {
  /** Who speaks. */
  readonly role: ChatRole;
  /** Text. */
  readonly content: string;
}

/** What to continue: exactly one of text, token ids, or a conversation. */
export type GenerateInput =
  | {
      /** Text; begin-of-text is added if the model wants it. */
      readonly prompt: string;
    }
  | {
      /** Used as they are. */
      readonly tokenIds: readonly number[];
    }
  | {
      /** Rendered by the chat template; at least one. */
      readonly messages: readonly ChatMessage[];
      /** Jinja. @default the model's own */
      readonly chatTemplate?: string | undefined;
    };

/** How tokens are chosen. */
export interface Sampling {
  /** >= 0; 0 takes the most likely token. @default 0.8 */
  readonly temperature?: number | undefined;
  /** 0: off. @default 40 */
  readonly topK?: number | undefined;
  /** (0, 1]; 1: off. @default 0.95 */
  readonly topP?: number | undefined;
  /** [0, 1]; 0: off. @default 0.05 */
  readonly minP?: number | undefined;
  /** (0, 1]; 1: off. @default 1 */
  readonly typicalP?: number | undefined;
  /** > 0; 1: off. @default 1 */
  readonly repetitionPenalty?: number | undefined;
  /** -2 to 2. @default 0 */
  readonly presencePenalty?: number | undefined;
  /** -2 to 2. @default 0 */
  readonly frequencyPenalty?: number | undefined;
  /** Tokens that the three penalties see, prompt included. @default 64 */
  readonly penaltyLastN?: number | undefined;
  /** Same seed, model, input and sampling: same tokens. @default random, told in `started` */
  readonly seed?: number | undefined;
  /** Added to the logit of each token id; -100 or less bans it. */
  readonly logitBias?: Readonly<Record<number, number>> | undefined;
  /** Never end on an end-of-text token. @default false */
  readonly ignoreEos?: boolean | undefined;
  /** Constrains the output: GBNF text with root rule `root`, or a JSON Schema. */
  readonly grammar?: { readonly gbnf: string } | { readonly jsonSchema: object } | undefined;
}

/** How much statistics a stream carries; each level includes the one before. */
export type StatsLevel = 'none' | 'summary' | 'steps' | 'detailed';

/** Asks for one generation. */
export type GenerateOptions = GenerateInput &
  Sampling & {
    /** Target, `big` or `models/big`. */
    readonly model: string;
    /** Draft; `null`: none, not even the default one. @default the target's default draft */
    readonly draftModel?: string | null | undefined;
    /** At least 1. @default as far as the context goes */
    readonly maxTokens?: number | undefined;
    /** Ends the text before the first match; up to 16 strings. */
    readonly stop?: string | readonly string[] | undefined;
    /** A number is a fixed draft length. @default the server's, 'auto' unless configured */
    readonly speculation?: 'auto' | 'off' | number | Speculation | undefined;
    /** Report each token's log probability and so many alternatives, 0 to 20. @default none */
    readonly logprobs?: number | undefined;
    /** @default 'steps' */
    readonly stats?: StatsLevel | undefined;
    /** Reuse and keep KV of shared prefixes. @default true */
    readonly cachePrompt?: boolean | undefined;
  };
