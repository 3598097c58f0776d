// A jest reporter that appends to the file named by LONGHAUL_TEST_COUNTS, one JSON line for each suite that began or ended, so that .ci/run
// can add up what several commands did, and say at its end what failed and what had not ended, without reading their output.
const { appendFileSync } = require('node:fs');
const { relative } = require('node:path');

const FILE = process.env.LONGHAUL_TEST_COUNTS;
const tell = (line) => FILE && appendFileSync(FILE, `${JSON.stringify(line)}\n`);

module.exports = class CountReporter {
  onTestFileStart(test) {
    tell({ suite: relative('', test.path), began: Date.now() });
  }

  onTestFileResult(test, result) {
    const failures = result.testResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
    // A suite that cannot be loaded has no tests to fail, and is a failure all the same.
    if (result.testExecError) failures.push('could not be run');
    tell({
      suite: relative('', test.path),
      ended: Date.now(),
      passed: result.numPassingTests,
      failed: failures.length,
      skipped: result.numPendingTests + result.numTodoTests,
      failures,
    });
  }
};
