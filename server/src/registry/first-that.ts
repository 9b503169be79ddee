/**
 * The first entry that passes, for a list whose later entries pass whenever an earlier one does.
 * @returns undefined when none passes
 */
export async function firstThat<Entry>(
  entries: readonly Entry[],
  passes: (entry: Entry) => Promise<boolean>,
): Promise<Entry | undefined> {
  let [from, to] = [0, entries.length];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const entry = entries[middle];
    if (entry !== undefined && (await passes(entry))) to = middle;
    else from = middle + 1;
  }
  return entries[from];
}
