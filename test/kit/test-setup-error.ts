/** The test is wrong, not the run: it breaks the run at once, and no retry, repair turn or pause covers it up. */
export class TestSetupError extends Error {
  override readonly name = 'TestSetupError';
}
