// A jest reporter that appends the counts of a run to the file named by LONGHAUL_TEST_COUNTS, one JSON line a run, so that
// .ci/run can add up what several commands did without reading their output.
const { appendFileSync } = require('node:fs');

module.exports = class CountReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.LONGHAUL_TEST_COUNTS;
    if (!file) return;
    // A suite that cannot be loaded has no tests to fail, and is a failure all the same.
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    appendFileSync(file, `${JSON.stringify({ passed: results.numPassedTests, failed, skipped })}\n`);
  }
};
