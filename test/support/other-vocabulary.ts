import { readFileSync, writeFileSync } from 'node:fs';

const spelled = Buffer.from('\u2581the', 'utf8');
const misspelled = Buffer.from('\u2581teh', 'utf8');

/** Copies a model and gives one common token of its vocabulary another text, so that it no longer pairs with the first. */
export function otherVocabulary(source: string, copy: string): void {
  const bytes = readFileSync(source);
  const at = bytes.indexOf(lengthPrefixed(spelled));
  if (at === -1) throw new Error('the vocabulary has no such token');
  lengthPrefixed(misspelled).copy(bytes, at);
  writeFileSync(copy, bytes);
}

/** A string as GGUF stores it: its length in 8 bytes, then its bytes. */
function lengthPrefixed(text: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}
