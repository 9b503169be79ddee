/** Ends the run with one plain line of figures that any CI can read; a suite that fails to load counts as failed. */
export default class ClosingLine {
  onRunComplete(
    _contexts,
    { numPassedTests, numFailedTests, numFailedTestSuites, numPendingTests },
  ) {
    const failed =
      numFailedTests > 0 || numFailedTestSuites === 0 ? numFailedTests : numFailedTestSuites;
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : '';
    // On exit, because jest prints its own summary after every reporter has run.
    process.once('exit', () => {
      console.log(`${numPassedTests} passed, ${failed} failed${skipped}`);
    });
  }
}
