// The environment of each file of tests. Where a test fails, it prints how the commands ended that the test ran last (`e2e/cli.ts` keeps
// them): an expectation on an exit code alone does not say what the command said.
const { TestEnvironment } = require('jest-environment-node');

module.exports = class extends TestEnvironment {
  handleTestEvent(event) {
    const { commandsOfTest } = this.global;
    if (!commandsOfTest) return;
    if (event.name === 'test_start') commandsOfTest.length = 0;
    if (event.name === 'test_fn_failure') process.stderr.write(`${event.test.name}\n${commandsOfTest.join('\n')}\n`);
  }
};
