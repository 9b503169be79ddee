/** The seed of this run's random faults: `OUTRIDER_FAULT_SEED`, or one of its own, which is printed. */
export function seed(): number {
  const given = process.env['OUTRIDER_FAULT_SEED'];
  const chosen = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  process.stderr.write(`faults: OUTRIDER_FAULT_SEED=${chosen}\n`);
  return chosen;
}
