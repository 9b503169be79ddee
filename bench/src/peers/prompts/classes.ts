import { CHAT } from './chat.js';
import { CODE } from './code.js';
import { CREATIVE } from './creative.js';
import { RETRIEVAL } from './retrieval.js';
import { SUMMARY } from './summary.js';

/** Kinds of prompts, by what the continuation repeats: little, a form, or whole passages. */
export type PromptClass = 'chat' | 'code' | 'summary' | 'retrieval' | 'creative';

/**
 * At least five prompts of each kind, our own text in the manner of the books that the embedded pair knows.
 * Together with 256 tokens of output each fits 512 tokens of context.
 */
export const PROMPTS_BY_CLASS: Readonly<Record<PromptClass, readonly string[]>> = {
  chat: CHAT,
  code: CODE,
  summary: SUMMARY,
  retrieval: RETRIEVAL,
  creative: CREATIVE,
};

/** Every kind, in the order of the table. */
export const PROMPT_CLASSES = ['chat', 'code', 'summary', 'retrieval', 'creative'] as const;
