/** A passage written over several lines as one line. */
export function fold(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
